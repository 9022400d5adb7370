//! What a sender knows: what was acknowledged, what was offered and never answered, what was deleted.

use std::collections::BTreeMap;

use archive::Target;
use testkit::Instance;

use crate::chance::Chance;
use crate::support;

const STUDIES: u32 = 3;
const SERIES: u32 = 2;
const NUMBERS: u32 = 3;

/// One SOP Instance: study, series, number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot(u32, u32, u32);

impl Slot {
    pub fn any(chance: &mut Chance) -> Self {
        let mut one_of = |count: u32| 1 + chance.below(count.into()) as u32;
        Self(one_of(STUDIES), one_of(SERIES), one_of(NUMBERS))
    }

    pub fn all() -> impl Iterator<Item = Self> {
        let numbers = |study, series| (1..=NUMBERS).map(move |number| Self(study, series, number));
        (1..=STUDIES).flat_map(move |study| (1..=SERIES).flat_map(move |series| numbers(study, series)))
    }

    /// Other shades are other bytes under the same UID.
    pub fn instance(self, shade: u16) -> Instance {
        Instance { shade, ..Instance::new(self.0, self.1, self.2) }
    }

    pub fn target(self) -> Target {
        support::target(&self.instance(0))
    }

    pub fn series(self) -> Target {
        support::series(&self.instance(0))
    }

    pub fn study(self) -> Target {
        support::study(&self.instance(0))
    }

    fn is_of(self, target: &Target) -> bool {
        let own = self.target();
        own.study == target.study
            && target.series.is_none_or(|series| own.series == Some(series))
            && target.instance.is_none_or(|instance| own.instance == Some(instance))
    }
}

#[derive(Clone, Default)]
struct Bytes {
    /// Acknowledged: they are there.
    certain: Vec<Vec<u8>>,
    /// Offered: they may be.
    perhaps: Vec<Vec<u8>>,
    /// What was seen as the first version: it stays that.
    first: Option<Vec<u8>>,
    /// A deletion was not answered for: it may still be carried out, until the next life at the latest.
    doubted: bool,
}

/// What is known of all.
#[derive(Clone, Default)]
pub struct Known(BTreeMap<Slot, Bytes>);

impl Known {
    pub fn offer(&mut self, slot: Slot, bytes: &[u8]) {
        let known = self.0.entry(slot).or_default();
        if !known.certain.iter().chain(&known.perhaps).any(|one| one == bytes) {
            known.perhaps.push(bytes.to_vec());
        }
    }

    pub fn acknowledge(&mut self, slot: Slot, bytes: &[u8]) {
        let known = self.0.entry(slot).or_default();
        known.perhaps.retain(|one| one != bytes);
        if !known.certain.iter().any(|one| one == bytes) {
            known.certain.push(bytes.to_vec());
        }
    }

    /// Whether something of it was acknowledged.
    pub fn has(&self, slot: Slot) -> bool {
        self.0.get(&slot).is_some_and(|known| !known.certain.is_empty())
    }

    /// The same of all that a target names.
    pub fn holds(&self, target: &Target) -> bool {
        self.0.keys().any(|slot| slot.is_of(target) && self.has(*slot))
    }

    /// It is gone for good, what was offered before with it.
    pub fn delete(&mut self, target: &Target) {
        self.0.retain(|slot, _| !slot.is_of(target));
    }

    /// Nobody knows whether it is gone.
    pub fn doubt(&mut self, target: &Target) {
        for (_, known) in self.0.iter_mut().filter(|(slot, _)| slot.is_of(target)) {
            known.perhaps.append(&mut known.certain);
            known.first = None;
            known.doubted = true;
        }
    }

    /// Whether a deletion may still be carried out.
    pub fn is_doubted(&self) -> bool {
        self.0.values().any(|known| known.doubted)
    }

    /// Another life has begun: what was decided before is carried out.
    pub fn begin(&mut self) {
        self.0.values_mut().for_each(|known| known.doubted = false);
    }

    /// After a doubt: what was acknowledged before (`whole`) is all there, or nothing of the target is. Whether that is so.
    pub fn settle(&mut self, target: &Target, whole: &Known, found: &[(Slot, Vec<Vec<u8>>)]) -> bool {
        let of_target = || found.iter().filter(|(slot, _)| slot.is_of(target));
        if of_target().all(|(_, versions)| versions.is_empty()) {
            self.delete(target);
            return true;
        }
        let all = of_target().all(|(slot, versions)| {
            whole.0.get(slot).is_none_or(|known| known.certain.iter().all(|one| versions.contains(one)))
        });
        for (slot, known) in self.0.iter_mut().filter(|(slot, _)| slot.is_of(target)) {
            if let Some(before) = whole.0.get(slot) {
                known.certain.clone_from(&before.certain);
                known.perhaps.retain(|one| !before.certain.contains(one));
            }
        }
        all
    }

    /// Whether these versions are what can be there.
    pub fn check(&mut self, slot: Slot, versions: &[Vec<u8>]) -> Result<(), String> {
        let known = self.0.entry(slot).or_default();
        if let Some(lost) = known.certain.iter().position(|one| !versions.contains(one)) {
            return Err(format!("{slot:?}: acknowledged bytes {lost} are lost"));
        }
        let offered = |one: &Vec<u8>| known.certain.contains(one) || known.perhaps.contains(one);
        if let Some(strange) = versions.iter().position(|one| !offered(one)) {
            return Err(format!("{slot:?}: version {} is nothing that can be there", strange + 1));
        }
        if known.doubted {
            return Ok(());
        }
        match (&known.first, versions.first()) {
            (Some(first), Some(now)) if first != now => {
                Err(format!("{slot:?}: another version is the first"))
            }
            (_, now) => {
                known.first = now.cloned();
                Ok(())
            }
        }
    }
}
