//! WADO-RS: studies, series and instances (PS3.18 10.4).

use std::collections::{HashMap, VecDeque};

use archive::{Archive, InstanceRecord, Instances, ReadError, Target, Which};
use axum::response::Response;
use bytes::Bytes;
use dicomweb::media::{
    Accept, DICOM, Framing, OCTET_STREAM, Offer, Resource, all_bulk_offer, instance_offers,
};
use dicomweb::multipart::Writer;
use dicomweb::query::{QueryError, RetrieveRequest};
use dicomweb::range::{self, Wanted};
use dicomweb::url::Place;
use futures::StreamExt;
use http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_RANGE, RANGE,
    WARNING,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use model::transfer_syntax::{self, EXPLICIT_LE, Pixels, Syntax};

use crate::all_bulk;
use crate::app::Call;
use crate::conditional::{Tag, random_boundary};
use crate::frames::MAKER;
use crate::outgoing::{Outgoing, Pieces, Segment, begun, content_length, cut};
use crate::refusal::Refusal;

/// The instances of a place, in the representation that the client takes.
pub(crate) async fn retrieve(call: &Call<'_>, place: Place) -> Result<Response, Refusal> {
    let query = RetrieveRequest::parse(call.query)?;
    let accept = accept(call, &query, Resource::Instances)?;
    let target = target(place, &query)?;
    match place.instance {
        Some(_) => one(call, target, &accept).await,
        None => several(call, target, &accept).await,
    }
}

/// What the client takes of this resource.
pub(crate) fn accept(
    call: &Call<'_>,
    query: &RetrieveRequest,
    resource: Resource,
) -> Result<Accept, Refusal> {
    let missing = call.app.config().missing_accept;
    Ok(Accept::read(call.accept(), query.accept.as_deref(), resource, missing)?)
}

/// The archive's name for a place.
pub(crate) fn target(place: Place, query: &RetrieveRequest) -> Result<Target, Refusal> {
    let wrong =
        |_| QueryError::Value { name: "custodian".to_owned(), problem: "is no custodian's name".to_owned() };
    Ok(Target {
        study: place.study,
        series: place.series,
        instance: place.instance,
        custodian: query.custodian.as_deref().map(str::parse).transpose().map_err(wrong)?,
        version: query.version,
    })
}

/// The offer that the client takes, or 406 with all of them.
pub(crate) fn choose<'o>(accept: &Accept, offers: &'o [Offer]) -> Result<&'o Offer, Refusal> {
    accept.choose(offers).ok_or_else(|| {
        let available: Vec<String> = offers.iter().map(ToString::to_string).collect();
        Refusal::not_acceptable(&available)
    })
}

/// 304 where the client has the representation already.
pub(crate) fn unchanged(call: &Call<'_>, tag: &Tag) -> Option<Response> {
    tag.is_known_by(&call.caller.headers).then(|| {
        let mut response = Response::new(axum::body::Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response.headers_mut().insert(ETAG, tag.header());
        response
    })
}

/// One instance, as the client takes it.
pub(crate) async fn one(call: &Call<'_>, target: Target, accept: &Accept) -> Result<Response, Refusal> {
    let mut found = call.app.archive().instances(&call.who, target).await?;
    let Some(record) = found.next_page().await?.into_iter().next() else {
        return Err(Refusal::not_found("There is no such instance here."));
    };
    let stored = syntax(&record.transfer_syntax)?;
    let archive = call.app.archive();
    let mut offer = *choose(accept, &offers(stored, &archive::possible_syntaxes(stored), true))?;
    if !lies_there(&offer, stored) {
        offer = *choose(accept, &offers_of(archive, &record, stored, true).await?)?;
    }
    if offer.media == OCTET_STREAM {
        return all_bulk::answer(call, of_record(&record), Which::All).await;
    }
    let maker = if lies_there(&offer, stored) { "" } else { MAKER };
    call.trace.gives(&record);
    let tag = Tag::of(&record.digest, &format!("{}{maker}", offer.to_string_with_syntax()));
    if let Some(response) = unchanged(call, &tag) {
        return Ok(response);
    }
    let location = call.app.base().instance(&record.study, &record.series, &record.sop_instance);
    let file = archive.part10(record, offer.syntax.unwrap_or(stored)).await?;
    let item = Item { pieces: file.stream, length: file.length, location };
    match offer.framing {
        Framing::Single => single(&call.caller.headers, item, &offer, &tag).await,
        Framing::Multipart => multipart(call, vec![item], &offer, &tag).await,
    }
}

/// The very instance of a record.
fn of_record(record: &InstanceRecord) -> Target {
    Target {
        study: record.study,
        series: Some(record.series),
        instance: Some(record.sop_instance),
        custodian: Some(record.custodian.clone()),
        version: Some(record.version),
    }
}

/// One item of an answer.
pub(crate) struct Item {
    pub(crate) pieces: Pieces,
    pub(crate) length: Option<u64>,
    /// Its URL.
    pub(crate) location: String,
}

/// A bare item, or the part of it that a `Range` asks for.
///
/// # Errors
/// When not even its first bytes can be read.
pub(crate) async fn single(
    headers: &HeaderMap,
    item: Item,
    offer: &Offer,
    tag: &Tag,
) -> Result<Response, Refusal> {
    let range = match (item.length, headers.get(RANGE).and_then(|value| value.to_str().ok())) {
        (Some(length), Some(header)) if range_holds(headers, tag) => range::wanted(header, length),
        _ => Wanted::Whole,
    };
    let (status, body, length, content_range) = match (range, item.length) {
        (Wanted::Part { first, last }, Some(whole)) => {
            let length = last - first + 1;
            let pieces = begun(cut(item.pieces, first, last)).await?;
            let body = Outgoing::new([Segment::Pieces(pieces)], Some(length));
            (StatusCode::PARTIAL_CONTENT, body, Some(length), Some(range::content_range(first, last, whole)))
        }
        (Wanted::Unsatisfiable, Some(whole)) => {
            let refusal =
                Refusal::new(StatusCode::RANGE_NOT_SATISFIABLE, format!("The item has {whole} bytes."));
            let value = HeaderValue::try_from(range::unsatisfiable(whole))
                .unwrap_or(HeaderValue::from_static("bytes */*"));
            return Err(refusal.with(CONTENT_RANGE, value));
        }
        (Wanted::Whole | Wanted::Part { .. } | Wanted::Unsatisfiable, length) => {
            let pieces = begun(item.pieces).await?;
            (StatusCode::OK, Outgoing::new([Segment::Pieces(pieces)], length), length, None)
        }
    };
    let mut response = Response::new(body.into_body());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    insert(headers, CONTENT_TYPE, &offer.content_type());
    insert(headers, CONTENT_LOCATION, &item.location);
    headers.insert(ETAG, tag.header());
    if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, content_length(length));
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    }
    if let Some(range) = content_range {
        insert(headers, CONTENT_RANGE, &range);
    }
    Ok(response)
}

/// `If-Range` names another representation: then the range is not followed (RFC 9110 13.1.5).
fn range_holds(headers: &HeaderMap, tag: &Tag) -> bool {
    headers.get(IF_RANGE).is_none_or(|value| *value == tag.header())
}

/// Items as parts of one body.
///
/// # Errors
/// When not even the first bytes of the first can be read.
pub(crate) async fn multipart(
    call: &Call<'_>,
    items: Vec<Item>,
    offer: &Offer,
    tag: &Tag,
) -> Result<Response, Refusal> {
    let mut writer = Writer::new(tag.boundary(call.app.secret()));
    let content_type = offer.content_type();
    let mut segments = Vec::with_capacity(2 * items.len() + 1);
    let mut length = Some(0u64);
    for item in items {
        let head = writer.head(&[("Content-Type", &content_type), ("Content-Location", &item.location)]);
        let bytes = item.length.and_then(|bytes| bytes.checked_add(head.len() as u64));
        length = length.zip(bytes).and_then(|(sum, bytes)| sum.checked_add(bytes));
        segments.push(Segment::Bytes(head));
        // Only the first segment of pieces is begun: the others follow an answer that is under way.
        let pieces = if segments.len() == 1 { begun(item.pieces).await? } else { item.pieces };
        segments.push(Segment::Pieces(pieces));
    }
    let close = writer.close();
    length = length.and_then(|sum| sum.checked_add(close.len() as u64));
    segments.push(Segment::Bytes(close));
    let mut response = Response::new(Outgoing::new(segments, length).into_body());
    let headers = response.headers_mut();
    insert(headers, CONTENT_TYPE, &writer.content_type(offer.media));
    headers.insert(ETAG, tag.header());
    if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, content_length(length));
    }
    Ok(response)
}

async fn several(call: &Call<'_>, target: Target, accept: &Accept) -> Result<Response, Refusal> {
    let archive = call.app.archive();
    let (groups, found) = archive.counted(&call.who, target.clone()).await?;
    let mut survey = Survey::new(archive.clone(), accept.clone());
    let (mut given, mut left_out, mut depends) = (0, 0, Vec::new());
    // By groups where the transfer syntax says all, so that the first byte waits for no record but the first ones.
    for group in groups {
        let stored = syntax(&group.transfer_syntax)?;
        match survey.lying(stored) {
            Lying::Given(offer) if offer.media == OCTET_STREAM => {
                return all_bulk::answer(call, target, Which::All).await;
            }
            Lying::Given(_) => {
                call.trace.gives_group(&group);
                given += group.instances;
            }
            Lying::Refused => left_out += group.instances,
            Lying::Depends => depends.push(stored),
        }
    }
    if !depends.is_empty() {
        let Some((made, not_made)) = made(call, &mut survey, found.again(), &depends).await? else {
            return all_bulk::answer(call, target, Which::All).await;
        };
        given += made;
        left_out += not_made;
    }
    if given == 0 {
        return Err(Refusal::not_acceptable(&survey.offered));
    }
    let (archive, page) = (archive.clone(), VecDeque::new());
    let parts = Parts { archive, survey, found, page, first: None, open: None };
    stream(call, parts, left_out).await
}

/// How many of those that lie in these syntaxes can be made as the client takes them, and how many cannot; `None` when it
/// takes all bulk data in their place.
async fn made(
    call: &Call<'_>,
    survey: &mut Survey,
    mut records: Instances,
    depends: &[Syntax],
) -> Result<Option<(u64, u64)>, Refusal> {
    let (mut made, mut not_made) = (0, 0);
    loop {
        let page = records.next_page().await?;
        if page.is_empty() {
            return Ok(Some((made, not_made)));
        }
        for record in page {
            if !depends.contains(&syntax(&record.transfer_syntax)?) {
                continue;
            }
            let choice = survey.look(&record).await?;
            survey.keep(record.sequence, choice);
            match choice {
                Some(offer) if offer.media == OCTET_STREAM => return Ok(None),
                Some(_) => {
                    call.trace.gives(&record);
                    made += 1;
                }
                None => not_made += 1,
            }
        }
    }
}

/// What can be given of a study's instances, by the transfer syntaxes that they are stored in.
struct Survey {
    archive: Archive,
    accept: Accept,
    /// Each syntax met.
    known: Vec<(Syntax, Lying)>,
    /// Everything that was offered, as a client would write it.
    offered: Vec<String>,
    /// What was found of instances whose transfer syntax does not say it, by their sequence, until they are given.
    kept: HashMap<u64, Option<Offer>>,
}

/// Instances of which is kept what was found of them, some 100 bytes each; it is found again of those beyond.
const KEPT: usize = 4_096;

/// What becomes of the instances that lie in a transfer syntax.
#[derive(Clone, Copy)]
enum Lying {
    /// They are given as they lie.
    Given(Offer),
    /// The client takes nothing that can be made of them.
    Refused,
    /// The client takes what has to be made: whether it can be depends on more than the syntax.
    Depends,
}

impl Survey {
    fn new(archive: Archive, accept: Accept) -> Self {
        Self { archive, accept, known: Vec::new(), offered: Vec::new(), kept: HashMap::new() }
    }

    fn lying(&mut self, stored: Syntax) -> Lying {
        if let Some((_, lying)) = self.known.iter().find(|(syntax, _)| *syntax == stored) {
            return *lying;
        }
        let offers = offers(stored, &archive::possible_syntaxes(stored), false);
        self.note(&offers);
        let lying = match self.accept.choose(&offers) {
            None => Lying::Refused,
            Some(offer) if lies_there(offer, stored) => Lying::Given(*offer),
            Some(_) => Lying::Depends,
        };
        self.known.push((stored, lying));
        lying
    }

    /// What of the instance the client takes.
    async fn look(&mut self, record: &InstanceRecord) -> Result<Option<Offer>, ReadError> {
        let stored = syntax(&record.transfer_syntax)?;
        match self.lying(stored) {
            Lying::Given(offer) => Ok(Some(offer)),
            Lying::Refused => Ok(None),
            Lying::Depends => {
                if let Some(choice) = self.kept.remove(&record.sequence) {
                    return Ok(choice);
                }
                let real = offers_of(&self.archive, record, stored, false).await?;
                Ok(self.accept.choose(&real).copied())
            }
        }
    }

    /// Keeps what was found of an instance, for when it is looked at again.
    fn keep(&mut self, sequence: u64, choice: Option<Offer>) {
        if self.kept.len() < KEPT {
            self.kept.insert(sequence, choice);
        }
    }

    fn note(&mut self, offers: &[Offer]) {
        for offer in offers {
            let text = offer.to_string();
            if !self.offered.contains(&text) {
                self.offered.push(text);
            }
        }
    }
}

/// What may be offered of an instance, of which these other syntaxes can be made.
fn offers(stored: Syntax, others: &[Syntax], single: bool) -> Vec<Offer> {
    let mut offers = instance_offers(stored, others, single);
    offers.push(all_bulk_offer());
    offers
}

/// What can really be given of an instance.
async fn offers_of(
    archive: &Archive,
    record: &InstanceRecord,
    stored: Syntax,
    single: bool,
) -> Result<Vec<Offer>, ReadError> {
    Ok(offers(stored, &archive.producible(record).await?, single))
}

/// Whether nothing is to be decoded or encoded for this offer, but for the elements.
fn lies_there(offer: &Offer, stored: Syntax) -> bool {
    offer.media == OCTET_STREAM
        || offer.syntax == Some(stored)
        || (stored.pixels == Pixels::Native && offer.syntax == Some(EXPLICIT_LE))
}

async fn stream(call: &Call<'_>, parts: Parts, left_out: u64) -> Result<Response, Refusal> {
    let writer = Writer::new(random_boundary(call.app.secret()));
    let content_type = writer.content_type(DICOM);
    let base = call.app.base().clone();
    let pieces = futures::stream::try_unfold((parts, Some(writer)), move |(mut parts, writer)| {
        let base = base.clone();
        async move {
            let Some(mut writer) = writer else { return Ok(None) };
            if let Some(piece) = parts.next_of_open().await {
                return Ok(Some((piece?, (parts, Some(writer)))));
            }
            let Some((record, offer)) = parts.next_record().await? else {
                return Ok(Some((writer.close(), (parts, None))));
            };
            let location = base.instance(&record.study, &record.series, &record.sop_instance);
            let head =
                writer.head(&[("Content-Type", &offer.content_type()), ("Content-Location", &location)]);
            parts.open(record, &offer).await?;
            Ok(Some((head, (parts, Some(writer)))))
        }
    });
    let pieces = begun(pieces.boxed()).await?;
    let mut response = Response::new(Outgoing::new([Segment::Pieces(pieces)], None).into_body());
    insert(response.headers_mut(), CONTENT_TYPE, &content_type);
    if left_out > 0 {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let text = format!(
            "{left_out} instances are left out: they cannot be given in a transfer syntax that was asked for. \
             Accept: multipart/related; type=\"{DICOM}\"; transfer-syntax=* gives them as they are stored."
        );
        response.headers_mut().insert(WARNING, call.app.warning(&text));
    }
    Ok(response)
}

/// The instances of a study one after the other; one file is open at a time.
struct Parts {
    archive: Archive,
    survey: Survey,
    found: Instances,
    /// Records of [`Parts::found`] that are next.
    page: VecDeque<InstanceRecord>,
    /// The first piece of the open file: read before its part's head is given, so that a file that cannot be read has
    /// no part.
    first: Option<Bytes>,
    open: Option<Pieces>,
}

impl Parts {
    async fn next_of_open(&mut self) -> Option<Result<Bytes, ReadError>> {
        if let Some(first) = self.first.take() {
            return Some(Ok(first));
        }
        let piece = self.open.as_mut()?.next().await;
        if piece.is_none() {
            self.open = None;
        }
        piece
    }

    /// The next instance that can be given; `None` at the end.
    async fn next_record(&mut self) -> Result<Option<(InstanceRecord, Offer)>, ReadError> {
        loop {
            let Some(record) = self.page.pop_front() else {
                self.page = self.found.next_page().await?.into();
                if self.page.is_empty() {
                    return Ok(None);
                }
                continue;
            };
            if let Some(offer) = self.survey.look(&record).await? {
                return Ok(Some((record, offer)));
            }
        }
    }

    async fn open(&mut self, record: InstanceRecord, offer: &Offer) -> Result<(), ReadError> {
        let stored = syntax(&record.transfer_syntax)?;
        let mut pieces = self.archive.part10(record, offer.syntax.unwrap_or(stored)).await?.stream;
        self.first = pieces.next().await.transpose()?;
        self.open = Some(pieces);
        Ok(())
    }
}

/// The transfer syntax that an instance is stored in, as the index names it.
pub(crate) fn syntax(stored: &str) -> Result<Syntax, ReadError> {
    transfer_syntax::by_uid(stored)
        .ok_or_else(|| ReadError::Storage(format!("the index names transfer syntax {stored}")))
}

/// Sets a header whose value is made of URLs, media types and numbers.
pub(crate) fn insert(headers: &mut HeaderMap, name: http::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// An offer as part of an entity tag.
pub(crate) trait Representation {
    /// Framing, media type and transfer syntax.
    fn to_string_with_syntax(&self) -> String;
}

impl Representation for Offer {
    fn to_string_with_syntax(&self) -> String {
        format!("{:?} {}", self.framing, self.content_type())
    }
}
