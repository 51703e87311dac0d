//! What a detector means to those who read its alerts.

/// Alerts a day, and how many of them are worth the time, where attacks are as rare as they are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AlertLoad {
    /// Alerts a day.
    pub alerts: f64,
    /// Of these, false ones.
    pub false_alerts: f64,
    /// Positive rows a day that raise no alert.
    pub missed: f64,
    /// Share of the alerts that are true; `NaN` if there is no alert at all.
    pub precision: f64,
}

/// The load of a threshold with this recall and share of false positives, when `rows_per_day` rows
/// come in and a share `base_rate` of them is positive (Axelsson, "The base-rate fallacy and the
/// difficulty of intrusion detection", 2000). The test data's own share of positives, mostly far
/// from that of the network, does not enter.
///
/// ```
/// use netloom_ml::metrics::alert_load;
///
/// // A million flows a day, one in a hundred thousand of an attack, 1 % false positives:
/// let load = alert_load(0.99, 0.01, 1e6, 1e-5);
/// assert_eq!(load.false_alerts.round(), 10_000.0);
/// assert!(load.precision < 0.001);
/// ```
pub fn alert_load(
    recall: f64,
    false_positive_rate: f64,
    rows_per_day: f64,
    base_rate: f64,
) -> AlertLoad {
    let positives = rows_per_day * base_rate;
    let found = positives * recall;
    let false_alerts = (rows_per_day - positives) * false_positive_rate;
    AlertLoad {
        alerts: found + false_alerts,
        false_alerts,
        missed: positives - found,
        precision: found / (found + false_alerts),
    }
}
