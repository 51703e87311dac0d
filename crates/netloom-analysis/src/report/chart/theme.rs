//! Colours and distances of charts.

/// Whether a chart stands on a light or a dark ground.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// Dark on white.
    #[default]
    Light,
    /// Light on near black.
    Dark,
}

/// The colours a chart is drawn with: SVG paint values.
///
/// The series colours are told apart with any of the common colour-vision deficiencies (they
/// follow Okabe and Ito's palette, darkened or lightened to a contrast of 3 to 1 with their
/// ground); neighbours differ in lightness too, and every chart names its parts in words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint {
    pub(crate) ground: &'static str,
    pub(crate) text: &'static str,
    pub(crate) muted: &'static str,
    pub(crate) grid: &'static str,
    pub(crate) sent: &'static str,
    pub(crate) received: &'static str,
    pub(crate) bar: &'static str,
    pub(crate) series: [&'static str; SERIES],
}

/// Series that have a colour of their own.
pub(crate) const SERIES: usize = 8;

impl Paint {
    /// For a picture that stands alone.
    pub(crate) const fn of(theme: Theme) -> Self {
        match theme {
            Theme::Light => Self {
                ground: "#ffffff",
                text: "#1b2430",
                muted: "#586474",
                grid: "#dfe4ea",
                sent: "#c96a00",
                received: "#0068a8",
                bar: "#0068a8",
                series: [
                    "#0068a8", "#d97b0a", "#007f5f", "#b0568f", "#2f8fcc", "#8a6d00", "#5a52c4",
                    "#7b848e",
                ],
            },
            Theme::Dark => Self {
                ground: "#181f29",
                text: "#e6ebf2",
                muted: "#9eabba",
                grid: "#2e3947",
                sent: "#f0a040",
                received: "#4da3e0",
                bar: "#4da3e0",
                series: [
                    "#4da3e0", "#f0a040", "#35b890", "#d98ac2", "#9ad4f7", "#d6c25a", "#a39bf2",
                    "#8b95a1",
                ],
            },
        }
    }

    /// For a chart within the page, whose style sheet has the colours of both themes.
    pub(crate) const PAGE: Self = Self {
        ground: "var(--surface)",
        text: "var(--text)",
        muted: "var(--muted)",
        grid: "var(--line)",
        sent: "var(--sent)",
        received: "var(--received)",
        bar: "var(--bar)",
        series: [
            "var(--s0)",
            "var(--s1)",
            "var(--s2)",
            "var(--s3)",
            "var(--s4)",
            "var(--s5)",
            "var(--s6)",
            "var(--s7)",
        ],
    };

    /// The colour of the series at a place; `other` is always the quiet last one.
    pub(crate) fn series(&self, index: usize, name: &str) -> &'static str {
        let last = SERIES - 1;
        let index = if name == "other" { last } else { index % last };
        self.series.get(index).copied().unwrap_or(self.muted)
    }
}

/// Where a chart's horizontal positions lie: in a page they are shares of a width that is not
/// known yet, in a picture they are pixels.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Across {
    /// Percent of the whole width.
    Percent,
    /// `width` pixels from `left` on.
    Pixels {
        /// Left edge.
        left: f64,
        /// Width.
        width: f64,
    },
}

impl Across {
    /// A position, `share` from 0 to 1.
    pub(crate) fn at(self, share: f64) -> String {
        match self {
            Self::Percent => format!("{}%", number(share * 100.0)),
            Self::Pixels { left, width } => number(left + share * width),
        }
    }

    /// A length.
    pub(crate) fn long(self, share: f64) -> String {
        match self {
            Self::Percent => format!("{}%", number(share * 100.0)),
            Self::Pixels { width, .. } => number(share * width),
        }
    }
}

/// A coordinate with at most two decimals; what is no number is 0.
pub(crate) fn number(value: f64) -> String {
    if !value.is_finite() {
        return "0".to_owned();
    }
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() || text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}

/// A part of a whole from 0 to 1.
pub(crate) fn share(part: f64, whole: f64) -> f64 {
    let share = part / whole;
    if share.is_finite() {
        share.clamp(0.0, 1.0)
    } else {
        0.0
    }
}
