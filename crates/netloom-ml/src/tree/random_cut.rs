//! Cuts at random places (Geurts et al., 2006).

use super::grow::Grower;
use super::scan::{Cut, Looked, Scanner, Upto};

/// Columns that are looked at together at most.
const TOGETHER: usize = 16;

impl Grower<'_> {
    /// As the best cut of all, with one random cut a column.
    pub(super) fn best_random_cut(&mut self, rows: &[u32], constant: &mut usize) -> Option<Cut> {
        let known = *constant;
        let mut untried = self.features.len();
        let mut drawn_constant = 0;
        let mut visited = 0;
        let mut best: Option<Cut> = None;
        let mut found = false;
        // features: [drawn constant | known constant | found constant | untried | tried]
        while untried > *constant && (visited < self.params.max_features || !found) {
            let wanted = self
                .params
                .max_features
                .saturating_sub(visited)
                .clamp(1, TOGETHER);
            self.drawn.clear();
            while self.drawn.len() < wanted && untried > *constant {
                visited += 1;
                let place = drawn_constant
                    + self
                        .chance
                        .below(untried - (*constant - known) - drawn_constant);
                if place < known {
                    self.features.swap(drawn_constant, place);
                    drawn_constant += 1;
                    if visited >= self.params.max_features && (found || !self.drawn.is_empty()) {
                        break;
                    }
                    continue;
                }
                untried -= 1;
                self.features.swap(place + (*constant - known), untried);
                self.drawn.push(self.features[untried] as usize);
            }
            self.gather_values(rows);
            let first = untried;
            // The one drawn last stands first.
            for at in (0..self.drawn.len()).rev() {
                let feature = self.drawn[at];
                match self.random_cut(rows.len(), feature, at) {
                    Looked::Constant => {
                        // Back among the untried, and from there to the constant ones.
                        let place = first + (self.drawn.len() - 1 - at);
                        self.features.swap(place, untried);
                        self.features.swap(untried, *constant);
                        untried += 1;
                        *constant += 1;
                    }
                    Looked::Cut(cut) => {
                        found = true;
                        if let Some(cut) = cut
                            && best.is_none_or(|best| cut.score > best.score)
                        {
                            best = Some(cut);
                        }
                    }
                }
            }
        }
        self.keep_constants(known, *constant);
        best
    }

    /// The drawn columns' values in the node's rows, column after column.
    fn gather_values(&mut self, rows: &[u32]) {
        let count = rows.len();
        let mut values = std::mem::take(&mut self.values);
        values.resize(count * self.drawn.len(), 0.0);
        let table = self.table();
        for (place, &row) in rows.iter().enumerate() {
            let of_row = table.of(row);
            for (at, &feature) in self.drawn.iter().enumerate() {
                values[at * count + place] = of_row[feature];
            }
        }
        self.values = values;
    }

    /// A cut at a random place between the smallest and the largest value.
    fn random_cut(&mut self, count: usize, feature: usize, at: usize) -> Looked {
        let values = &self.values[at * count..(at + 1) * count];
        let mut least = f32::INFINITY;
        let mut most = f32::NEG_INFINITY;
        let mut missing = 0;
        for value in values {
            least = least.min(*value);
            most = most.max(*value);
            missing += usize::from(value.is_nan());
        }
        if least >= most && (missing == 0 || missing == count) {
            return Looked::Constant;
        }
        let (threshold, missing_left) = if least >= most {
            // What is there against what is missing.
            (f32::INFINITY, false)
        } else {
            let (low, high) = (f64::from(least), f64::from(most));
            let drawn = (low + self.chance.unit() * (high - low)) as f32;
            let missing_left = missing > 0 && self.chance.below(2) == 1;
            // Rounding may reach the upper end, beyond which nothing is.
            (if drawn < most { drawn } else { least }, missing_left)
        };
        let mut scanner = Scanner::new(&mut self.scan, count, feature);
        let rows = values.iter().zip(&self.node.codes).zip(&self.node.weights);
        if let [first, second] = scanner.left_weights() {
            // Sums that stay in registers.
            let (mut all, mut of_second, mut lefts) = (0.0, 0.0, 0_usize);
            for ((value, &code), &weight) in rows {
                let left = *value <= threshold || (missing_left && value.is_nan());
                let weight = if left { weight } else { 0.0 };
                all += weight;
                of_second += weight * f64::from(code);
                lefts += usize::from(left);
            }
            (*first, *second) = (all - of_second, of_second);
            scanner.left_rows = lefts;
        } else {
            for ((value, &code), &weight) in rows {
                if *value <= threshold || (missing_left && value.is_nan()) {
                    scanner.row(code as usize, weight);
                }
            }
        }
        scanner.missing_rows = missing;
        Looked::Cut(scanner.single(Upto::Value(threshold), threshold, missing_left))
    }
}
