//! Services by port number.
