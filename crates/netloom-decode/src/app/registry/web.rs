//! HTTP, mail, files, terminals: what people use.

use crate::app::{
    Detector, ftp, h2, http, imap, irc, pop3, rdp, rlogin, smtp, ssh, telnet, tftp, vnc,
};

/// In the order in which they are asked.
pub(super) const DETECTORS: &[&Detector] = &[
    &http::DETECTOR,
    &h2::DETECTOR,
    &ssh::DETECTOR,
    &smtp::DETECTOR,
    &ftp::DETECTOR,
    &pop3::DETECTOR,
    &imap::DETECTOR,
    &rdp::DETECTOR,
    &vnc::DETECTOR,
    &telnet::DETECTOR,
    &tftp::DETECTOR,
    &irc::DETECTOR,
    &rlogin::RLOGIN_DETECTOR,
    &rlogin::RSH_DETECTOR,
    &rlogin::REXEC_DETECTOR,
];
