//! What the metadata describes, judged before bulk data comes.

use dicomweb::json::Reader;
use dicomweb::stow::Failure;
use dicomweb::stow::draft::{Described, Instance, Limits};

use super::waiting::{Pending, Target};
use super::{INSTANCES, STUDY, Session, part};
use crate::store::session::Cut;

impl Session<'_> {
    /// Takes the instance that a document describes.
    pub(super) async fn take_xml(&mut self, text: Vec<u8>) {
        let read = move || dicomweb::xml::read(&text, Limits::default());
        let read = match self.ledger.beside(tokio::task::spawn_blocking(read)).await {
            Ok(read) => read,
            Err(_) => return self.stray("its metadata could not be read"),
        };
        match read {
            Ok(described) => self.describe(described).await,
            Err(error) => {
                self.ledger.malformed();
                self.stray(&error.to_string());
            }
        }
    }

    /// Takes the instances that the metadata has described so far.
    pub(super) async fn take_described(&mut self, reader: &mut Reader) -> Result<(), Cut> {
        while let Some(described) = reader.next_instance() {
            if self.waiting.len() >= INSTANCES {
                return Err(Cut::TooMany(INSTANCES));
            }
            self.describe(described).await;
        }
        let held = self.waiting.held() + reader.held();
        self.ledger.beside(self.place.hold(held)).await;
        Ok(())
    }

    pub(super) async fn describe(&mut self, described: Described) {
        let number = self.ledger.begin();
        let instance = match described {
            Ok(instance) => instance,
            Err(unfit) => {
                self.ledger.fail(number, unfit.identity, unfit.fault.failure(), &unfit.fault.to_string());
                return self.waiting.add_failed(*unfit);
            }
        };
        let identity = instance.identity();
        let judged = self.judge(&instance);
        let target = Target { instance: self.waiting.len(), hole: 0 };
        let added = self.waiting.add(number, instance);
        match judged.and(added.map_err(|why| (Failure::TooLarge, why))) {
            Err((failure, why)) => {
                self.waiting.give_up(target);
                self.ledger.fail(number, identity, failure, &why);
            }
            Ok(()) => {
                if self.waiting.get(target).is_some_and(Pending::is_whole)
                    && let Some(pending) = self.waiting.take(target)
                {
                    self.store_whole(*pending).await;
                }
            }
        }
    }

    /// What can be said of an instance before its bulk data comes.
    fn judge(&self, instance: &Instance) -> Result<(), (Failure, String)> {
        let found = instance.get(STUDY).map(String::from_utf8_lossy).unwrap_or_default();
        if let Some(study) = self.study.filter(|study| study.as_str() != found) {
            let found = part::shown(&found);
            return Err((
                Failure::OtherStudy,
                format!("the instance belongs to study {found}, the request is for {study}"),
            ));
        }
        let archive = self.ledger.call().app.archive();
        if let Some((class, _)) =
            instance.identity().filter(|(class, _)| !archive.accepts_class(class.as_str()))
        {
            return Err((Failure::Class, format!("SOP class {class} is not stored here")));
        }
        let wrong = instance.bulk().iter().find(|hole| !part::takes_bulk(hole.vr));
        match wrong {
            Some(hole) => Err((Failure::CannotUnderstand, format!("{} cannot be bulk data", hole.tag))),
            None => Ok(()),
        }
    }
}
