//! Number 45: messages made to cost time or memory (RFC 9267).
