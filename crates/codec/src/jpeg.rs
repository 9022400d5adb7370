//! ITU-T T.81.
