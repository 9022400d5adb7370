//! Which instance a part is, as far as its file meta information says: for the report when it cannot be stored.

use bytes::Bytes;
use model::part10::{FileMeta, read_head};
use model::{SopClassUid, SopInstanceUid};

/// Bytes of a part that are looked at; real heads take some 400.
const LOOK: usize = 16 << 10;

/// SOP Class and SOP Instance.
pub(super) type Named = (SopClassUid, SopInstanceUid);

/// Looks at the first bytes of a part until it knows.
#[derive(Debug, Default)]
pub(super) struct Identity {
    held: Vec<u8>,
    known: bool,
    named: Option<Named>,
}

impl Identity {
    /// Looks at the next bytes.
    pub(super) fn look(&mut self, bytes: &Bytes) {
        if self.known {
            return;
        }
        // Nearly always the first piece holds the whole head, and nothing is copied.
        let head = if self.held.is_empty() {
            read_head(bytes, false)
        } else {
            self.held.extend_from_slice(&bytes[..bytes.len().min(LOOK)]);
            read_head(&self.held, false)
        };
        match head {
            Ok(None) if self.held.len() < LOOK => {
                if self.held.is_empty() {
                    self.held.extend_from_slice(&bytes[..bytes.len().min(LOOK)]);
                }
            }
            Ok(None) | Err(_) => self.settle(None),
            Ok(Some(head)) => self.settle(head.meta.as_ref()),
        }
    }

    /// What is known.
    pub(super) fn named(&self) -> Option<Named> {
        self.named
    }

    fn settle(&mut self, meta: Option<&FileMeta>) {
        self.known = true;
        self.held = Vec::new();
        self.named = meta.and_then(|meta| {
            let class = meta.sop_class.as_deref()?.parse().ok()?;
            let instance = meta.sop_instance.as_deref()?.parse().ok()?;
            Some((class, instance))
        });
    }
}

#[cfg(test)]
mod tests {
    use model::part10::{NewMeta, write_head};

    use super::*;

    #[test]
    fn stow_015_names_of_parts() {
        let meta = |instance| NewMeta {
            sop_class: "1.2.840.10008.5.1.4.1.1.2",
            sop_instance: instance,
            transfer_syntax: "1.2.840.10008.1.2.1",
            source_ae: None,
            private: None,
        };
        let mut good = write_head(&meta("1.2.3"), None);
        good.extend_from_slice(b"\x08\x00\x05\x00CS\x00\x00");
        let bad = write_head(&meta("no UID"), None);
        for (bytes, expected) in [
            (good, Some("1.2.3")),
            (bad, None),
            (b"garbage".repeat(100), None),
            (b"\x08\x00\x05\x00CS\x00\x00".to_vec(), None),
        ] {
            for piece in [1, 100, 1_000] {
                let mut identity = Identity::default();
                for part in bytes.chunks(piece) {
                    identity.look(&Bytes::copy_from_slice(part));
                }
                let named = identity.named();
                assert_eq!(named.as_ref().map(|(_, instance)| instance.as_str()), expected, "by {piece}");
            }
        }
    }
}
