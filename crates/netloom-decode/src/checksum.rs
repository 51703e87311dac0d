//! The Internet checksum (RFC 1071) of headers and datagrams.
