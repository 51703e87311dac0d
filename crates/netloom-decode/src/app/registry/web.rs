//! HTTP, mail, files, terminals: what people use.

use crate::app::{
    Detector, first_words, ftp, h2, http, imap, irc, nntp, pop3, rdp, rlogin, rtsp, smtp, socks,
    ssh, telnet, tftp, vnc, xmpp,
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
    &rtsp::DETECTOR,
    &socks::DETECTOR,
    &nntp::DETECTOR,
    &xmpp::DETECTOR,
    &first_words::GIT_DETECTOR,
    &first_words::RSYNC_DETECTOR,
    &first_words::SVN_DETECTOR,
    &first_words::X11_DETECTOR,
    &first_words::GOPHER_DETECTOR,
    &first_words::FINGER_DETECTOR,
    &first_words::WHOIS_DETECTOR,
];
