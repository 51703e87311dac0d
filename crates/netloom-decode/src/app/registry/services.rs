//! Databases, directories, file servers, calls, industry.

use crate::app::{
    Detector, cassandra, dce_rpc, diameter, kerberos, memcached, mongodb, mqtt, mssql, oracle,
    radius, redis, smb, tacacs,
};

/// In the order in which they are asked.
pub(super) const DETECTORS: &[&Detector] = &[
    &smb::DETECTOR,
    &mqtt::DETECTOR,
    &dce_rpc::DETECTOR,
    &redis::DETECTOR,
    &mongodb::DETECTOR,
    &cassandra::DETECTOR,
    &mssql::DETECTOR,
    &oracle::DETECTOR,
    &memcached::DETECTOR,
    &kerberos::DETECTOR,
    &radius::DETECTOR,
    &diameter::DETECTOR,
    &tacacs::DETECTOR,
];
