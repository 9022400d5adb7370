//! What a link is to be, checked before it is made.

use access::Holding;
use register::RegisterError;

use crate::IdentityError;

/// Longest life of a link, in days.
pub(super) const DAYS: u32 = 30;
/// Most studies of a share.
pub(super) const HOLDINGS: usize = 100;
/// Most openings that a limit may allow.
const USES: u32 = 1_000;
/// Most characters of a label.
const LABEL: usize = 80;
/// Fewest and most characters of an access code, without blanks and hyphens.
const CODE: std::ops::RangeInclusive<usize> = 6..=64;
/// Digits of a code that we choose.
const DIGITS: u32 = 8;
const DAY: i64 = 86_400;

/// What a link is to be.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What for.
    pub purpose: Purpose,
    /// For whom, in its maker's words: at most 80 characters.
    pub label: String,
    /// How many days it lives, 1 to 30.
    pub days: u32,
    /// How often it may be opened, 1 to 1,000; without, as often as one likes.
    pub use_limit: Option<u32>,
    /// Its access code.
    pub code: Code,
}

/// What a link is for.
#[derive(Clone, Debug)]
pub enum Purpose {
    /// To see these: at most 100.
    Share(Vec<Holding>),
    /// To send images to its maker's custodian.
    Upload,
}

/// The access code of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// None: who has the link is let in.
    None,
    /// Eight digits that we choose.
    Random,
    /// What its maker chose: at least six characters, digits or words.
    Chosen(String),
}

/// Why a link is not made, or not ended.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// No label, or one that is too long.
    #[error("say in 1 to {LABEL} characters for whom the link is")]
    Label,
    /// A life that is none, or too long.
    #[error("a link lives 1 to {DAYS} days")]
    Days,
    /// A limit that is none.
    #[error("a link is opened 1 to {USES} times, or as often as one likes")]
    Uses,
    /// Nothing is shared, or too much.
    #[error("a link shows 1 to {HOLDINGS} studies")]
    Holdings,
    /// A code that is found at once.
    #[error("an access code has 6 to 64 characters, at least four of them different")]
    Code,
    /// Its maker may not do this itself.
    #[error("you may not share this")]
    NotAllowed,
    /// No link of this number that one may see.
    #[error("there is no link {0}")]
    Unknown(i64),
    /// There is no other way.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

impl From<RegisterError> for LinkError {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::UnknownLink(id) => LinkError::Unknown(id),
            other => LinkError::Identity(other.into()),
        }
    }
}

/// A [`Wanted`] that may be made.
pub(super) struct Checked {
    pub(super) purpose: Purpose,
    pub(super) label: String,
    pub(super) expires_at: i64,
    pub(super) use_limit: Option<u32>,
    pub(super) code: Code,
}

impl Wanted {
    pub(super) fn checked(&self, now: i64) -> Result<Checked, LinkError> {
        let label = self.label.trim();
        if label.is_empty() || label.chars().count() > LABEL || label.chars().any(char::is_control) {
            return Err(LinkError::Label);
        }
        if !(1..=DAYS).contains(&self.days) {
            return Err(LinkError::Days);
        }
        if self.use_limit.is_some_and(|limit| !(1..=USES).contains(&limit)) {
            return Err(LinkError::Uses);
        }
        let mut purpose = self.purpose.clone();
        if let Purpose::Share(holdings) = &mut purpose {
            holdings.sort_unstable();
            holdings.dedup();
            if !(1..=HOLDINGS).contains(&holdings.len()) {
                return Err(LinkError::Holdings);
            }
        }
        if let Code::Chosen(code) = &self.code {
            let plain = plain(code);
            let mut different: Vec<char> = plain.chars().collect();
            different.sort_unstable();
            different.dedup();
            if !CODE.contains(&plain.chars().count()) || different.len() < 4 {
                return Err(LinkError::Code);
            }
        }
        let expires_at = now + i64::from(self.days) * DAY;
        Ok(Checked {
            purpose,
            label: label.to_owned(),
            expires_at,
            use_limit: self.use_limit,
            code: self.code.clone(),
        })
    }
}

impl Code {
    /// The code as its holder gets it.
    pub(super) fn text(&self) -> Result<Option<String>, IdentityError> {
        match self {
            Code::None => Ok(None),
            Code::Chosen(code) => Ok(Some(code.trim().to_owned())),
            Code::Random => {
                let mut bits = [0; 8];
                getrandom::fill(&mut bits).map_err(|_| IdentityError::Random)?;
                // Of 2^64 numbers no code is more likely than another by more than one in 10^11.
                let number = u64::from_be_bytes(bits) % 10_u64.pow(DIGITS);
                let (first, second) = (number / 10_000, number % 10_000);
                Ok(Some(format!("{first:04} {second:04}")))
            }
        }
    }
}

/// A code without what people add and leave out: blanks, hyphens, capitals.
pub(super) fn plain(code: &str) -> String {
    let shown = code.chars().filter(|c| !c.is_whitespace() && !c.is_control() && *c != '-');
    shown.flat_map(char::to_lowercase).take(*CODE.end() + 1).collect()
}
