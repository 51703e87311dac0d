//! Room for what bytes may cause.

/// How much may be made of what was sent: `FREE` bytes for nothing, and `RATIO` for each that came. A byte
/// may stand for thousands (a pointer, a number in a table): who unpacks it asks for room first.
///
/// ```
/// use netloom_decode::app::Room;
/// let mut room = Room::<100, 4>::default();
/// assert!(room.take(90) && !room.take(20));
/// room.earn(5);
/// assert_eq!(room.left(), 30);
/// assert!(room.take(20));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Room<const FREE: usize, const RATIO: usize> {
    left: usize,
}

impl<const FREE: usize, const RATIO: usize> Default for Room<FREE, RATIO> {
    fn default() -> Self {
        Self { left: FREE }
    }
}

impl<const FREE: usize, const RATIO: usize> Room<FREE, RATIO> {
    /// Bytes came.
    pub fn earn(&mut self, bytes: usize) {
        self.left = self.left.saturating_add(RATIO.saturating_mul(bytes));
    }

    /// Bytes for which there is room.
    pub fn left(&self) -> usize {
        self.left
    }

    /// Takes so many, where there are as many; whether there were.
    pub fn take(&mut self, bytes: usize) -> bool {
        let left = self.left.checked_sub(bytes);
        self.left = left.unwrap_or(self.left);
        left.is_some()
    }
}
