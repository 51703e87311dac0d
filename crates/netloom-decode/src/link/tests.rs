//! Every link type on bytes written out here.
