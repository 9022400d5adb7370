//! One frame's way from one transfer syntax to another.

use codec::Limits;
use model::transfer_syntax::{self, Syntax};
use serde::{Deserialize, Serialize};

use super::Plan;
use super::encode::Target;
use crate::pixel::decode::colour;
use crate::pixel::samples::{SampleColour, Samples};
use crate::pixel::{Photometric, PixelError, PixelFormat, codestream};

/// What is done to one frame: plain data, so that it can be done in another process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// UID of the transfer syntax that the frame is in.
    pub from: String,
    /// UID of the one that it is wanted in.
    pub to: String,
    /// What the data set says about the frame as it is.
    pub format: PixelFormat,
    /// Bytes of decoded samples at most.
    pub decoded: u64,
}

impl Step {
    /// The frame in the other syntax.
    ///
    /// # Errors
    /// [`PixelError`].
    pub fn run(&self, frame: &[u8]) -> Result<Vec<u8>, PixelError> {
        let (from, to) = (known(&self.from)?, known(&self.to)?);
        let plan = Plan::new(from, to, &self.format)?;
        let target = Target::of(to)
            .ok_or_else(|| PixelError::Unsupported(format!("there is no encoder for {}", to.name)))?;
        let limits = Limits { decoded: self.decoded };
        let mut samples = codestream::read(from, &self.format, frame, &limits)?;
        as_planned(&mut samples, &plan)?;
        target.write(samples, plan.decoded(), plan.target())
    }
}

/// Converts colour where the plan says so, or where the codestream holds other than its data set says.
fn as_planned(samples: &mut Samples, plan: &Plan) -> Result<(), PixelError> {
    let (source, decoded) = (plan.source().photometric, plan.decoded());
    let other = source != decoded || samples.colour == SampleColour::Ycc;
    match samples.channels == 3 && decoded == Photometric::Rgb && other {
        true => colour(samples, plan.source()),
        false => Ok(()),
    }
}

fn known(uid: &str) -> Result<Syntax, PixelError> {
    let unknown = || PixelError::Unsupported(format!("{uid} is no transfer syntax that is known here"));
    transfer_syntax::by_uid(uid).ok_or_else(unknown)
}
