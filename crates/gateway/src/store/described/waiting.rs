//! Instances whose metadata has come and whose bulk data has not, found by its BulkDataURI.

use std::collections::HashMap;

use dicomweb::stow::Failure;
use dicomweb::stow::draft::{Instance, Unfit};
use model::Tag;

use super::held::Held;
use super::part::{Role, is_video, shown};

/// Bytes of metadata that may wait in one request.
const WAITING: usize = 32 << 20;

/// Bytes that addresses of bulk data may take beside it.
const ADDRESSES: usize = 8 << 20;

/// Pieces of one value: a request has no more parts.
const MOST_PIECES: usize = 10_000;

/// (0028,0008)
const NUMBER_OF_FRAMES: Tag = Tag(0x0028, 0x0008);

/// The instances of a request that wait.
#[derive(Default)]
pub(super) struct Waiting {
    instances: Vec<Slot>,
    by_uri: HashMap<String, Vec<Target>>,
    /// Bytes of metadata.
    held: usize,
    /// Bytes of addresses.
    noted: usize,
}

/// What became of an instance.
enum Slot {
    Waiting(Box<Pending>),
    /// All of it came.
    Whole,
    /// It is not stored; what still comes for it is thrown away.
    Failed,
}

/// A hole of an instance, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) instance: usize,
    pub(super) hole: usize,
}

/// An instance that waits.
pub(super) struct Pending {
    /// Its number among all of the request.
    pub(super) number: usize,
    pub(super) instance: Instance,
    pub(super) holes: Vec<Filling>,
}

/// What has come for a hole.
#[derive(Default)]
pub(super) struct Filling {
    pub(super) role: Option<Role>,
    /// The media type of a document.
    pub(super) media: Option<String>,
    /// Frames in their order, or the one value.
    pub(super) pieces: Vec<Option<Held>>,
    /// Nothing more is expected.
    pub(super) whole: bool,
}

/// Whom a part is for.
pub(super) struct Addressed {
    pub(super) targets: Vec<Target>,
    /// The frame that its address ends with, from 1 on.
    pub(super) frame: Option<usize>,
}

impl Waiting {
    /// Notes an instance.
    ///
    /// # Errors
    /// When too much waits already; then its parts are still known.
    pub(super) fn add(&mut self, number: usize, instance: Instance) -> Result<(), String> {
        let at = self.instances.len();
        let noted = instance.bulk().iter().enumerate();
        let noted = noted.filter(|(hole, described)| self.note(&described.uri, at, *hole)).count();
        if noted < instance.bulk().len() || self.held + instance.held() > WAITING {
            self.instances.push(Slot::Failed);
            return Err(format!("the metadata that waits for bulk data is more than {WAITING} bytes"));
        }
        self.held += instance.held();
        let holes = instance.bulk().iter().map(|_| Filling::default()).collect();
        self.instances.push(Slot::Waiting(Box::new(Pending { number, instance, holes })));
        Ok(())
    }

    /// Notes the addresses of one that has failed: what comes for it is thrown away.
    pub(super) fn add_failed(&mut self, unfit: Unfit) {
        let at = self.instances.len();
        for (hole, uri) in unfit.uris.into_iter().enumerate() {
            self.note(&uri, at, hole);
        }
        self.instances.push(Slot::Failed);
    }

    /// Notes an address; says whether there was room for it.
    fn note(&mut self, uri: &str, instance: usize, hole: usize) -> bool {
        self.noted += uri.len() + size_of::<Target>() + 64;
        let room = self.noted <= ADDRESSES;
        if room {
            self.by_uri.entry(uri.to_owned()).or_default().push(Target { instance, hole });
        }
        room
    }

    /// How many there were.
    pub(super) fn len(&self) -> usize {
        self.instances.len()
    }

    /// Bytes of metadata that wait.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.held == 0
    }

    /// Whom a part with this Content-Location is for: its address itself, or one with `/frames/` and a number behind it.
    pub(super) fn addressed(&self, location: &str) -> Option<Addressed> {
        if let Some(targets) = self.by_uri.get(location) {
            return Some(Addressed { targets: targets.clone(), frame: None });
        }
        let (uri, number) = location.rsplit_once("/frames/")?;
        let frame = number.parse().ok().filter(|number| *number > 0)?;
        let targets = self.by_uri.get(uri)?;
        Some(Addressed { targets: targets.clone(), frame: Some(frame) })
    }

    /// The instance of a target, unless it has gone.
    pub(super) fn get(&self, target: Target) -> Option<&Pending> {
        match self.instances.get(target.instance)? {
            Slot::Waiting(pending) => Some(pending),
            Slot::Whole | Slot::Failed => None,
        }
    }

    pub(super) fn get_mut(&mut self, target: Target) -> Option<&mut Pending> {
        match self.instances.get_mut(target.instance)? {
            Slot::Waiting(pending) => Some(pending),
            Slot::Whole | Slot::Failed => None,
        }
    }

    /// Whether everything for the instance of a target had come.
    pub(super) fn was_whole(&self, target: Target) -> bool {
        matches!(self.instances.get(target.instance), Some(Slot::Whole))
    }

    /// Takes the instance of a target out: all of it has come.
    pub(super) fn take(&mut self, target: Target) -> Option<Box<Pending>> {
        self.replace(target.instance, Slot::Whole)
    }

    /// Takes the instance of a target out: it is not stored.
    pub(super) fn give_up(&mut self, target: Target) -> Option<Box<Pending>> {
        self.replace(target.instance, Slot::Failed)
    }

    /// Takes out all that still wait.
    pub(super) fn take_all(&mut self) -> Vec<Pending> {
        let all = (0..self.instances.len()).filter_map(|at| self.replace(at, Slot::Failed));
        all.map(|pending| *pending).collect()
    }

    fn replace(&mut self, at: usize, with: Slot) -> Option<Box<Pending>> {
        let slot = self.instances.get_mut(at)?;
        match std::mem::replace(slot, with) {
            Slot::Waiting(pending) => {
                self.held = self.held.saturating_sub(pending.instance.held());
                Some(pending)
            }
            gone => {
                *slot = gone;
                None
            }
        }
    }
}

impl Pending {
    /// Frames that its metadata says it has; 1 when it does not say.
    pub(super) fn frames(&self) -> usize {
        let frames = self.instance.number(NUMBER_OF_FRAMES).filter(|frames| *frames > 0);
        frames.and_then(|frames| usize::try_from(frames).ok()).unwrap_or(1)
    }

    /// Whether all that it waits for has come.
    pub(super) fn is_whole(&self) -> bool {
        self.holes.iter().all(|filling| filling.whole)
    }

    /// Whether this hole is the last that is empty.
    pub(super) fn is_last(&self, hole: usize) -> bool {
        let mut empty = self.holes.iter().enumerate().filter(|(_, filling)| !filling.whole);
        let first = empty.next().is_some_and(|(at, filling)| at == hole && filling.pieces.is_empty());
        first && empty.next().is_none()
    }

    /// What has not come, for a sentence.
    pub(super) fn missing(&self) -> Option<String> {
        let hole = self.holes.iter().position(|filling| !filling.whole)?;
        let described = self.instance.bulk().get(hole)?;
        let come = self.holes.get(hole).map_or(0, |filling| filling.pieces.iter().flatten().count());
        let what = if come == 0 { "no part".to_owned() } else { format!("only {come} parts") };
        Some(format!("{what} came with the Content-Location {}", shown(&described.uri)))
    }

    /// Puts a piece into a hole.
    ///
    /// # Errors
    /// When it does not fit to what has come, in words.
    pub(super) fn put(
        &mut self,
        hole: usize,
        role: Role,
        media: Option<String>,
        frame: Option<usize>,
        piece: Held,
    ) -> Result<(), (Failure, String)> {
        let frames = self.frames();
        let nested = self.instance.bulk().get(hole).is_some_and(|hole| hole.nested);
        let Some(filling) = self.holes.get_mut(hole) else { return Ok(()) };
        let expected = match role {
            Role::Frame(coded) if is_video(coded.syntax) => 1,
            Role::Frame(_) if !nested => frames,
            Role::Value if frame.is_some() => frames,
            Role::Frame(_) | Role::Value | Role::Document | Role::Picture(_) => 1,
        };
        let at = frame.map_or(filling.pieces.len(), |frame| frame - 1);
        if at >= expected.min(MOST_PIECES) || filling.pieces.get(at).is_some_and(Option::is_some) {
            return Err((
                Failure::Mismatch,
                format!("more parts came for one value than its {expected} frames"),
            ));
        }
        if filling.role.is_some_and(|before| before != role) {
            return Err((Failure::Mismatch, "its frames are of several media types".to_owned()));
        }
        if filling.pieces.len() <= at {
            filling.pieces.resize_with(at + 1, || None);
        }
        if let Some(place) = filling.pieces.get_mut(at) {
            *place = Some(piece);
        }
        filling.role = Some(role);
        filling.media = media;
        filling.whole = filling.pieces.len() == expected && filling.pieces.iter().all(Option::is_some);
        Ok(())
    }
}
