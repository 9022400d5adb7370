//! STOW-RS: `POST /studies` and `POST /studies/{study}` (PS3.18 10.5).

mod answer;
mod described;
mod ledger;
mod parts;
mod request;
mod session;
mod upload;

use axum::response::Response;
use dicomweb::media::{Accept, Resource, response_offers};
use dicomweb::query::RetrieveRequest;
use model::StudyUid;

use access::Action;

use crate::app::Call;
use crate::refusal::Refusal;

use self::request::Form;

pub(crate) use described::Places;
pub(crate) use request::{announced, too_large};
pub(crate) use upload::{Upload, UploadError};

/// Takes the instances of the request's body in, each on its own, and answers with what became of them.
pub(crate) async fn store(
    call: &Call<'_>,
    study: Option<StudyUid>,
    body: &mut Upload,
) -> Result<Response, Refusal> {
    call.who.scope_for(Action::Store).map_err(|denied| Refusal::denied(&denied))?;
    let query = RetrieveRequest::parse(call.query)?;
    let accept = Accept::read(
        call.accept(),
        query.accept.as_deref(),
        Resource::Store,
        call.app.config().missing_accept,
    )?;
    let offers = response_offers();
    let Some(offer) = accept.choose(&offers) else {
        return Err(Refusal::not_acceptable(&offers.map(|offer| offer.to_string())));
    };
    let (form, source) = request::parts(&call.caller.headers, &call.app.config().limits)?;
    let done = match form {
        Form::Files => session::run(call, study, source, body).await,
        Form::Json | Form::Xml => described::run(call, study, form, source, body).await,
    };
    answer::answer(call.app, done, offer)
}
