//! Set-up links: 256 random bits that are good once, to make the first administrator's account or to set an account's
//! password.

use register::SetUp;

use crate::people::{Fresh, People};
use crate::{IdentityError, digest, random};

/// Seconds for which a link is good.
const LASTS: i64 = 24 * 3_600;

impl People {
    /// A link that makes the first administrator's account, while there is none; those made before are good no more.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub fn first_set_up(&mut self, now: i64) -> Result<Option<Fresh>, IdentityError> {
        if self.register.has_administrator(now)? {
            self.register.remove_first_set_up()?;
            return Ok(None);
        }
        self.make_link(&SetUp::First, now).map(Some)
    }

    /// A link by which whoever has it sets this account's password; the one made before is good no more.
    ///
    /// # Errors
    /// [`register::RegisterError::Unknown`].
    pub fn set_up_link(&mut self, name: &str, now: i64) -> Result<Fresh, IdentityError> {
        self.make_link(&SetUp::Account(name.to_owned()), now)
    }

    /// Takes an account's second factor and recovery codes, and ends its sessions: it sets up another at its next login.
    ///
    /// # Errors
    /// [`register::RegisterError::Unknown`].
    pub fn reset_factor(&mut self, name: &str) -> Result<(), IdentityError> {
        Ok(self.register.reset_factor(name)?)
    }

    fn make_link(&mut self, what: &SetUp, now: i64) -> Result<Fresh, IdentityError> {
        let fresh = Fresh { token: random()?, expires_at: now + LASTS };
        self.register.add_set_up(what, &digest(&fresh.token), now, fresh.expires_at)?;
        Ok(fresh)
    }
}
