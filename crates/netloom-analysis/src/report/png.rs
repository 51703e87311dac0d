//! Charts as PNG pictures, drawn by resvg with the one font the program carries.

use std::sync::Arc;

use resvg::{tiny_skia, usvg};

/// Inter Regular, cut down to Latin; its licence is beside it (SIL OFL 1.1).
static FONT: &[u8] = include_bytes!("../../assets/fonts/Inter-Regular.latin.ttf");

/// Name of the embedded font's family.
pub const FONT_FAMILY: &str = "Inter";

/// Why a picture could not be drawn.
#[derive(Debug)]
#[non_exhaustive]
pub enum PngError {
    /// The text is no SVG document that can be drawn.
    Svg(String),
    /// The picture would be empty or too large.
    Size {
        /// Width in pixels.
        width: f32,
        /// Height in pixels.
        height: f32,
    },
    /// The picture could not be encoded.
    Encode(String),
}

impl std::fmt::Display for PngError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Svg(reason) => write!(f, "the chart cannot be drawn: {reason}"),
            Self::Size { width, height } => {
                write!(f, "a picture of {width} by {height} pixels cannot be made")
            }
            Self::Encode(reason) => write!(f, "the picture cannot be encoded: {reason}"),
        }
    }
}

impl std::error::Error for PngError {}

/// Largest width and height of a picture in pixels.
const MAX_SIDE: f32 = 16_384.0;

/// An SVG document as a PNG picture, `scale` pixels for each unit of the document (2 is right
/// for screens and print).
///
/// # Errors
/// When the document cannot be parsed, or is empty or larger than 16,384 pixels on a side.
pub fn encode(svg: &str, scale: f32) -> Result<Vec<u8>, PngError> {
    let mut fonts = usvg::fontdb::Database::new();
    fonts.load_font_data(FONT.to_vec());
    fonts.set_sans_serif_family(FONT_FAMILY);
    let options = usvg::Options {
        fontdb: Arc::new(fonts),
        font_family: FONT_FAMILY.to_owned(),
        // A chart refers to nothing outside itself.
        resources_dir: None,
        ..usvg::Options::default()
    };
    let tree = usvg::Tree::from_str(svg, &options).map_err(|e| PngError::Svg(e.to_string()))?;
    let (width, height) = (tree.size().width() * scale, tree.size().height() * scale);
    let fits = |side: f32| (1.0..=MAX_SIDE).contains(&side);
    if !fits(width) || !fits(height) {
        return Err(PngError::Size { width, height });
    }
    let mut picture = tiny_skia::Pixmap::new(width.ceil() as u32, height.ceil() as u32)
        .ok_or(PngError::Size { width, height })?;
    resvg::render(
        &tree,
        tiny_skia::Transform::from_scale(scale, scale),
        &mut picture.as_mut(),
    );
    picture
        .encode_png()
        .map_err(|e| PngError::Encode(e.to_string()))
}
