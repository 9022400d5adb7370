//! ITU-T T.800 and T.814.
