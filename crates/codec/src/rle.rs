//! RLE Lossless (PS3.5 Annex G).
