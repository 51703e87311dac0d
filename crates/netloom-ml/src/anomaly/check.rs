//! Parameters and tables, checked in one place.

use super::AnomalyError;
use crate::numeric::Matrix;

pub(super) fn fitting(data: &Matrix) -> Result<(), AnomalyError> {
    if data.columns() == 0 {
        return Err(AnomalyError::NoColumns);
    }
    if data.rows() == 0 {
        return Err(AnomalyError::NoRows);
    }
    Ok(())
}

pub(super) fn at_least(name: &'static str, value: usize, least: usize) -> Result<(), AnomalyError> {
    if value < least {
        return Err(AnomalyError::Parameter {
            name,
            value: value.to_string(),
            must: format!("at least {least}"),
        });
    }
    Ok(())
}

pub(super) fn share(name: &'static str, value: f64) -> Result<(), AnomalyError> {
    if value > 0.0 && value <= 1.0 {
        return Ok(());
    }
    Err(AnomalyError::Parameter {
        name,
        value: value.to_string(),
        must: "above 0 and at most 1".to_owned(),
    })
}

pub(super) fn positive(name: &'static str, value: f64) -> Result<(), AnomalyError> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(AnomalyError::Parameter {
        name,
        value: value.to_string(),
        must: "above 0".to_owned(),
    })
}
