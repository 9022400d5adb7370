//! ITU-T T.87.
