//! A study or series: each instance in its rendered form, parts one after the other.

use std::collections::VecDeque;
use std::sync::Arc;

use access::Principal;
use archive::{Archive, Kind, Patience, ReadError, ReadErrorKind, Showable, Target};
use axum::response::Response;
use bytes::Bytes;
use dicomweb::media::{Accept, Offer, Pictures, picture_offers, text_offers, video_offers};
use dicomweb::multipart::Writer;
use dicomweb::url::Base;
use futures::StreamExt;
use http::StatusCode;
use http::header::{CONTENT_TYPE, WARNING};
use imaging::render::Request;

use super::wishes::Wishes;
use super::words;
use crate::app::Call;
use crate::conditional::random_boundary;
use crate::outgoing::{Outgoing, Pieces, Segment, begun};
use crate::refusal::Refusal;
use crate::retrieve::insert;

/// Instances of one answer at most; each is remembered by some 250 bytes while the answer is under way.
const MOST: usize = 20_000;

/// Each instance that has a form which the client takes.
pub(super) async fn rendered(
    call: &Call<'_>,
    accept: &Accept,
    wishes: &Wishes,
    target: Target,
) -> Result<Response, Refusal> {
    let survey = Survey::of(call, accept, wishes, target).await?;
    let Some((_, first, _)) = survey.wanted.front() else {
        return Err(Refusal::not_acceptable(&survey.available));
    };
    let media = first.media;
    let writer = Writer::new(random_boundary(call.app.secret()));
    let content_type = writer.content_type(media);
    let parts = Parts {
        archive: call.app.archive().clone(),
        who: call.who.clone(),
        base: call.app.base().clone(),
        wanted: survey.wanted,
        open: Open::Nothing,
        given: 0,
        writer,
    };
    let pieces = futures::stream::try_unfold(Some(parts), |parts| async move {
        let Some(mut parts) = parts else { return Ok(None) };
        match parts.next().await? {
            Some(piece) => Ok(Some((piece, Some(parts)))),
            None if parts.given == 0 => {
                Err(ReadError::Unprocessable("none of the instances can be rendered".into()))
            }
            None => Ok(Some((parts.writer.close(), None))),
        }
    });
    let pieces = begun(pieces.boxed()).await?;
    let mut response = Response::new(Outgoing::new([Segment::Pieces(pieces)], None).into_body());
    insert(response.headers_mut(), CONTENT_TYPE, &content_type);
    if survey.left_out > 0 {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let text =
            format!("{} instances are left out: they have no form that was asked for", survey.left_out);
        response.headers_mut().append(WARNING, call.app.warning(&text));
    }
    Ok(response)
}

/// What of the study's instances the client takes.
struct Survey {
    wanted: VecDeque<(Target, Offer, Request)>,
    left_out: usize,
    /// What there is, when nothing of it is taken.
    available: Vec<String>,
}

impl Survey {
    async fn of(call: &Call<'_>, accept: &Accept, wishes: &Wishes, target: Target) -> Result<Self, Refusal> {
        let mut found = call.app.archive().instances(&call.who, target).await?;
        let mut chosen: Vec<(Kind, Option<(Offer, Request)>)> = Vec::new();
        let mut survey = Self { wanted: VecDeque::new(), left_out: 0, available: Vec::new() };
        loop {
            let page = found.next_page().await?;
            if page.is_empty() {
                return Ok(survey);
            }
            for record in page {
                let kind = Kind::of(&record);
                let known = chosen.iter().find(|(known, _)| *known == kind).map(|(_, choice)| choice.clone());
                let choice = match known {
                    Some(choice) => choice,
                    None => {
                        let offers = offers(kind);
                        survey.available.extend(offers.iter().map(ToString::to_string));
                        let offer = accept.choose(&offers).copied();
                        let choice = offer.map(|offer| Ok::<_, Refusal>((offer, wishes.request(&offer)?)));
                        let choice = choice.transpose()?;
                        chosen.push((kind, choice.clone()));
                        choice
                    }
                };
                let Some((offer, request)) = choice else {
                    survey.left_out += 1;
                    continue;
                };
                let target = Target {
                    study: record.study,
                    series: Some(record.series),
                    instance: Some(record.sop_instance),
                    custodian: Some(record.custodian),
                    version: None,
                };
                survey.wanted.push_back((target, offer, request));
            }
            if survey.wanted.len() > MOST {
                let text = format!("There are more than {MOST} instances. Ask for one series at a time.");
                return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, text));
            }
        }
    }
}

/// The forms in which an instance of a kind can be a part. The images of presentation states are there themselves.
fn offers(kind: Kind) -> Vec<Offer> {
    match kind {
        Kind::Image => picture_offers(Pictures::Several),
        Kind::Video(media) => video_offers(media, false),
        Kind::Report => text_offers(None, false),
        Kind::File(media) => text_offers(Some(media), false),
        Kind::State | Kind::Other => Vec::new(),
    }
}

/// The parts as they are made.
struct Parts {
    archive: Archive,
    who: Principal,
    base: Base,
    wanted: VecDeque<(Target, Offer, Request)>,
    open: Open,
    given: usize,
    writer: Writer,
}

/// What is being given.
enum Open {
    Nothing,
    Image { subject: Arc<Showable>, number: u32, offer: Offer, request: Request },
    Video(Pieces),
}

impl Parts {
    /// The next bytes of the body; `None` at its end.
    async fn next(&mut self) -> Result<Option<Bytes>, ReadError> {
        loop {
            match std::mem::replace(&mut self.open, Open::Nothing) {
                Open::Image { subject, number, offer, request } if number <= subject.frames => {
                    match self.frame(&subject, number, &offer, &request).await? {
                        Some(part) => {
                            self.open = Open::Image { subject, number: number + 1, offer, request };
                            return Ok(Some(part));
                        }
                        // The rest of an image that cannot be shown is passed over.
                        None => continue,
                    }
                }
                Open::Video(mut pieces) => {
                    if let Some(piece) = pieces.next().await.transpose()? {
                        self.open = Open::Video(pieces);
                        return Ok(Some(piece));
                    }
                }
                Open::Image { .. } | Open::Nothing => {}
            }
            let Some((target, offer, request)) = self.wanted.pop_front() else { return Ok(None) };
            let Some(subject) = unless_hopeless(self.archive.showable(&self.who, &target).await)? else {
                continue;
            };
            match subject.kind {
                Kind::Image => {
                    self.open = Open::Image { subject: Arc::new(subject), number: 1, offer, request };
                }
                Kind::Report | Kind::File(_) => {
                    if let Some(bytes) = unless_hopeless(words(&self.archive, &subject, &offer).await)? {
                        let location = self.location(&subject);
                        return Ok(Some(self.part(&offer, &location, &bytes)));
                    }
                }
                Kind::Video(_) => {
                    let found = unless_hopeless(self.archive.frames(&self.who, &target, &[1]).await)?;
                    if let Some(frame) = found.and_then(|found| found.frames.into_iter().next()) {
                        self.open = Open::Video(frame.stream);
                        let location = self.location(&subject);
                        return Ok(Some(self.part(&offer, &location, b"")));
                    }
                }
                Kind::State | Kind::Other => {}
            }
        }
    }

    async fn frame(
        &mut self,
        subject: &Showable,
        number: u32,
        offer: &Offer,
        request: &Request,
    ) -> Result<Option<Bytes>, ReadError> {
        let patience = if self.given == 0 { Patience::Queue } else { Patience::Wait };
        let following: Vec<u32> = (number + 1..=subject.frames).take(64).collect();
        let made = self.archive.picture(subject, number, &following, request, None, patience).await;
        let Some(bytes) = unless_hopeless(made)? else { return Ok(None) };
        let location = match subject.frames {
            1 => self.location(subject),
            _ => self.location(subject).replace("/rendered", &format!("/frames/{number}/rendered")),
        };
        Ok(Some(self.part(offer, &location, &bytes)))
    }

    /// A part's head and what there is of its body.
    fn part(&mut self, offer: &Offer, location: &str, bytes: &[u8]) -> Bytes {
        self.given += 1;
        let head =
            self.writer.head(&[("Content-Type", &offer.content_type()), ("Content-Location", location)]);
        Bytes::from([&head, bytes].concat())
    }

    fn location(&self, subject: &Showable) -> String {
        let record = &subject.record;
        format!("{}/rendered", self.base.instance(&record.study, &record.series, &record.sop_instance))
    }
}

/// `None` for what cannot be shown whatever is done: one bad instance does not spoil a study. One that was deleted
/// meanwhile does: what is left must not look whole.
fn unless_hopeless<T>(result: Result<T, ReadError>) -> Result<Option<T>, ReadError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) => match error.kind() {
            ReadErrorKind::NotFound
            | ReadErrorKind::Unprocessable
            | ReadErrorKind::Unsupported
            | ReadErrorKind::TooLarge
            | ReadErrorKind::BadRequest => {
                tracing::debug!(%error, "an instance is left out of a rendered study");
                Ok(None)
            }
            _ => Err(error),
        },
    }
}
