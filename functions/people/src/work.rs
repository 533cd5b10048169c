//! Orders and work on them, from requests and to answers.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use aws_lambda_events::http::header;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pipeline::Context;
use pipeline::handin::Checked;
use pipeline::people::desk::{Draft, MOST_FILE_BYTES, MediaLink, Saved, Source, Work};
use pipeline::people::draft::{DraftCue, MOST_CUES, Written};
use pipeline::people::list::{Page, Question, Wanted};
use pipeline::people::{Hold, Person, WaitingOrder, WorkOrder, list as lists};
use pipeline::plan::PlanLanguage;
use pipeline::ports::PresignedUpload;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::answer::{self, Answer, problem, refused};

/// The largest body that is looked at: what API Gateway hands to a function is no larger.
const MOST_BODY_BYTES: usize = 5 * 1024 * 1024;
/// The services that can be asked for.
const SERVICES: [&str; 7] = [
    "captions",
    "translation",
    "alignment",
    "dubbing",
    "audio-description",
    "extended-audio-description",
    "chaptering",
];

type Asked<T> = Result<T, Answer>;

fn bad(text: &str) -> Answer {
    problem(400, "BadRequest", text)
}

/// The body as JSON; `None` where there is none.
fn body<T: DeserializeOwned>(request: &ApiGatewayV2httpRequest) -> Asked<Option<T>> {
    let body = request.body.as_deref().unwrap_or_default();
    let body = if request.is_base64_encoded {
        STANDARD.decode(body).map_err(|_| bad("the body can't be read"))?
    } else {
        body.as_bytes().to_vec()
    };
    if body.len() > MOST_BODY_BYTES {
        return Err(problem(413, "TooLarge", "the body is too large, hand in a file"));
    }
    if body.is_empty() {
        return Ok(None);
    }
    let wrong = |error: serde_json::Error| bad(&format!("the body is not as it must be: {error}"));
    match serde_json::from_slice(&body).map_err(wrong)? {
        body @ Value::Object(_) => serde_json::from_value(whole(body)).map(Some).map_err(wrong),
        // A list would be taken for the fields in their order.
        _ => Err(bad("the body is not a JSON object")),
    }
}

/// The same with each number that is whole written so: JSON has one kind of number, and `637.0` is 637.
fn whole(value: Value) -> Value {
    /// Up to here every whole number is one of floating point.
    const MOST: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Number(number) => match number.as_f64() {
            #[expect(clippy::cast_possible_truncation, reason = "it is whole, and within 2^53")]
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() <= MOST => {
                Value::from(float as i64)
            }
            _ => Value::Number(number),
        },
        Value::Array(items) => items.into_iter().map(whole).collect(),
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, value)| (name, whole(value)));
            Value::Object(fields.collect())
        }
        other => other,
    }
}

fn needed<T: DeserializeOwned>(request: &ApiGatewayV2httpRequest) -> Asked<T> {
    body(request)?.ok_or_else(|| bad("the body is missing"))
}

fn within(what: &str, text: &str, most: usize) -> Asked<()> {
    if text.trim().is_empty() || text.chars().count() > most {
        return Err(bad(&format!("{what} has not 1 to {most} characters")));
    }
    Ok(())
}

/// The list, as its query asks for it.
pub async fn list(ctx: &Context, who: &Person, request: &ApiGatewayV2httpRequest) -> Asked<Answer> {
    let question = question(request)?;
    let now_epoch_s = ctx.clock.now_epoch_s();
    match lists::list(ctx, who, &question).await {
        Ok(Page { orders, next }) => {
            let orders = orders.iter().map(|order| summary(order, who, now_epoch_s));
            Ok(Answer::json(
                200,
                &json!({ "orders": orders.collect::<Vec<_>>(), "next": next, "now_epoch_s": now_epoch_s }),
            ))
        }
        Err(error) => Err(refused(&error.into())),
    }
}

fn question(request: &ApiGatewayV2httpRequest) -> Asked<Question> {
    let query = &request.query_string_parameters;
    let wanted = match query.first("state") {
        None | Some("open") => Wanted::Open,
        Some("mine") => Wanted::Mine,
        Some("held") => Wanted::Held,
        Some(_) => return Err(bad("state is not open, mine or held")),
    };
    let number = |name: &str, least: u64, most: u64| match query.first(name) {
        None => Ok(None),
        Some(text) => match text.parse::<u64>() {
            Ok(number) if (least..=most).contains(&number) && text.bytes().all(|b| b.is_ascii_digit()) => {
                Ok(Some(number))
            }
            _ => Err(bad(&format!("{name} is not a number from {least} to {most}"))),
        },
    };
    let service = query.first("service").map(str::to_owned);
    if service
        .as_ref()
        .is_some_and(|service| !SERVICES.contains(&service.as_str()))
    {
        return Err(bad("service is none of those that people do"));
    }
    let language = query.first("language").map(str::to_owned);
    if language.as_ref().is_some_and(|tag| !is_tag(tag)) {
        return Err(bad("language is no BCP-47 tag"));
    }
    let after = query.first("cursor").map(str::to_owned);
    if after.as_ref().is_some_and(|cursor| !is_place(cursor)) {
        return Err(bad("cursor is not the next of an answer"));
    }
    Ok(Question {
        wanted,
        service,
        language,
        due_before_epoch_s: number("due_before", 0, 99_999_999_999)?,
        after,
        limit: usize::try_from(number("limit", 1, 100)?.unwrap_or(50)).unwrap_or(50),
    })
}

fn is_tag(tag: &str) -> bool {
    let mut subtags = tag.split('-');
    let is_language =
        |first: &str| (2..=3).contains(&first.len()) && first.bytes().all(|byte| byte.is_ascii_alphabetic());
    subtags.next().is_some_and(is_language)
        && subtags.all(|subtag| {
            (2..=8).contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

fn is_place(cursor: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    cursor
        .split_once('-')
        .is_some_and(|(due, task)| due.len() == 12 && digits(due) && task.len() <= 20 && digits(task))
}

fn language(language: &PlanLanguage) -> Value {
    json!({ "tag": language.bcp47, "name": language.catalog_name })
}

fn left_s(due_epoch_s: Option<u64>, now_epoch_s: u64) -> Option<i64> {
    let (due, now) = (
        i64::try_from(due_epoch_s?).ok()?,
        i64::try_from(now_epoch_s).ok()?,
    );
    Some(due - now)
}

/// Who holds it: for anybody that somebody does, and for supervisors and the holder who it is.
fn shown_holder(hold: Option<&Hold>, who: &Person) -> Value {
    let Some(hold) = hold else { return Value::Null };
    let mut holder = answer::holder(hold);
    holder["is_me"] = json!(hold.person == who.id);
    holder
}

fn summary(order: &WaitingOrder, who: &Person, now_epoch_s: u64) -> Value {
    let holder = order
        .hold
        .as_ref()
        .filter(|hold| hold.until_epoch_s > now_epoch_s);
    json!({
        "task": order.task_id.as_str(),
        "service": order.service,
        "deliverable": order.deliverable,
        "source_language": language(&order.source),
        "target_language": order.target.as_ref().map(language),
        "due_epoch_s": order.due_epoch_s,
        "ordered_epoch_s": order.ordered_epoch_s,
        "left_s": left_s(order.due_epoch_s, now_epoch_s),
        "duration_ms": order.duration_ms,
        "holder": shown_holder(holder, who),
    })
}

/// A work order.
pub fn order(order: &WorkOrder, who: &Person, ctx: &Context) -> Answer {
    let now_epoch_s = ctx.clock.now_epoch_s();
    let mut told = summary(&order.summary, who, now_epoch_s);
    let style = &order.rules.style;
    let norms = &order.rules.norms;
    let rejections = order.rejections.iter().map(|rejection| {
        json!({ "name": rejection.name, "reason": rejection.reason, "at_epoch_s": rejection.at_epoch_s })
    });
    let acts = order
        .acts
        .iter()
        .map(|act| json!({ "at_epoch_s": act.at_epoch_s, "name": act.name, "what": act.what }));
    let more = json!({
        "now_epoch_s": now_epoch_s,
        "notes": order.notes,
        "dictionary": order.dictionary,
        "turn_around_s": order.turn_around_s,
        "turn_around": order.turn_around,
        "rules": {
            "max_characters_per_line": style.max_characters_per_line,
            "max_lines": norms.max_lines,
            "min_cue_ms": norms.min_ms,
            "max_cue_ms": norms.max_ms,
            "min_gap_ms": norms.gap_ms,
            "max_characters_per_second": norms.max_chars_per_second,
            "speaker_labels": style.speaker_labels,
            "speaker_change_marks": style.speaker_change_marks,
            "audio_tags": style.audio_tags,
            "remove_profanity": style.remove_profanity,
        },
        "output_format": order.output_format.map(captions::CaptionFormat::extension),
        "accepts": order.accepts,
        "flavors": {
            "media": order.flavors.media,
            "track": order.flavors.track,
            "clear": order.flavors.clear,
        },
        "rejections": rejections.collect::<Vec<_>>(),
        "history": acts.collect::<Vec<_>>(),
        "can": order.can,
    });
    if let (Value::Object(told), Value::Object(more)) = (&mut told, more) {
        told.extend(more);
    }
    Answer::json(200, &told)
}

#[derive(Deserialize)]
struct Until {
    until_epoch_s: Option<u64>,
}

/// Until when somebody wants to hold an order.
pub fn until(request: &ApiGatewayV2httpRequest) -> Asked<Option<u64>> {
    Ok(body::<Until>(request)?.and_then(|until| until.until_epoch_s))
}

/// What somebody says of an order that they can't do.
pub struct Rejection {
    /// Why.
    pub reason: String,
    /// What the customer is told, where the order is to end.
    pub text_for_customer: Option<String>,
}

#[derive(Deserialize)]
struct Rejecting {
    reason: String,
    #[serde(default)]
    ends_order: bool,
    text_for_customer: Option<String>,
}

/// A rejection.
pub fn rejection(request: &ApiGatewayV2httpRequest) -> Asked<Rejection> {
    let rejecting: Rejecting = needed(request)?;
    within("reason", &rejecting.reason, 500)?;
    if let Some(text) = &rejecting.text_for_customer {
        within("text_for_customer", text, 250)?;
    }
    let text_for_customer = match (rejecting.ends_order, rejecting.text_for_customer) {
        (true, None) => return Err(bad("text_for_customer is missing: the customer must be told why")),
        (true, text) => text,
        (false, _) => None,
    };
    Ok(Rejection {
        reason: rejecting.reason,
        text_for_customer,
    })
}

fn cues(written: &[DraftCue]) -> Value {
    let cues = written.iter().map(|cue| {
        json!({
            "id": cue.id,
            "start_ms": cue.start_ms,
            "end_ms": cue.end_ms,
            "text": cue.text,
            "speaker": cue.speaker,
        })
    });
    Value::Array(cues.collect())
}

fn draft_json(draft: &Draft) -> Value {
    json!({
        "cues": cues(&draft.written.cues),
        "note": draft.written.note,
        "origin": draft.origin.name(),
        "saved_epoch_s": draft.saved.as_ref().map(|(at_epoch_s, _)| at_epoch_s),
        "saved_by": draft.saved.as_ref().map(|(_, name)| name),
    })
}

fn tagged(answer: Answer, etag: Option<&str>) -> Answer {
    match etag {
        Some(etag) => answer.with(header::ETAG, etag),
        None => answer,
    }
}

/// A draft.
pub fn draft(draft: &Draft) -> Answer {
    tagged(Answer::json(200, &draft_json(draft)), draft.etag.as_deref())
}

/// A draft to save, and the ETag of the one that it is based on.
pub fn save(request: &ApiGatewayV2httpRequest) -> Asked<(Written, Option<String>)> {
    let written = needed(request)?;
    let header = |name: header::HeaderName| request.headers.get(name).and_then(|value| value.to_str().ok());
    match (header(header::IF_MATCH), header(header::IF_NONE_MATCH)) {
        (Some(etag), None) if !etag.is_empty() && etag != "*" && etag.len() <= 200 => {
            Ok((written, Some(etag.to_owned())))
        }
        (None, Some("*")) => Ok((written, None)),
        (None, None) => Err(problem(
            428,
            "WhichDraft",
            "a save says by If-Match which draft it is based on, or If-None-Match: * for the first",
        )),
        _ => Err(bad("If-Match is not one ETag, or If-None-Match not *")),
    }
}

/// What came of a save.
pub fn saved(saved: &Saved) -> Answer {
    match saved {
        Saved::Kept {
            etag,
            saved_epoch_s,
            held_until_epoch_s,
        } => tagged(
            Answer::json(
                200,
                &json!({ "saved_epoch_s": saved_epoch_s, "held_until_epoch_s": held_until_epoch_s }),
            ),
            Some(etag),
        ),
        Saved::Stale(newer) => tagged(
            Answer::json(
                412,
                &json!({
                    "error": { "name": "Stale", "text": "another draft was saved since, yours was not written" },
                    "draft": draft_json(newer),
                }),
            ),
            newer.etag.as_deref(),
        ),
    }
}

/// A link to the media.
pub fn media(link: &MediaLink) -> Answer {
    Answer::json(
        200,
        &json!({
            "url": link.url.reveal(),
            "expires_epoch_s": link.expires_epoch_s,
            "container": link.container,
            "has_picture": link.has_picture,
            "duration_ms": link.duration_ms,
        }),
    )
}

/// The waveform. It never changes.
pub fn peaks(json: impl AsRef<[u8]>) -> Answer {
    Answer::of(200, "application/json", json.as_ref().to_vec())
        .with(header::CACHE_CONTROL, "private, max-age=86400")
}

/// What the work is on.
pub fn source(source: &Source) -> Answer {
    let pauses: Vec<[u64; 2]> = source.pauses_ms.iter().map(|(from, to)| [*from, *to]).collect();
    Answer::json(
        200,
        &json!({ "cues": cues(&source.cues), "text": source.text, "pauses_ms": pauses }),
    )
}

#[derive(Deserialize)]
struct FileToPut {
    name: String,
    size_bytes: u64,
    sha256: String,
}

/// The name and SHA-256 of a file that is to be put.
pub fn file(request: &ApiGatewayV2httpRequest) -> Asked<(String, [u8; 32])> {
    let file: FileToPut = needed(request)?;
    within("name", &file.name, 200)?;
    if file.size_bytes == 0 || file.size_bytes > MOST_FILE_BYTES {
        return Err(bad("size_bytes is not from 1 to 2 GiB"));
    }
    let hash =
        hash_of(&file.sha256).ok_or_else(|| bad("sha256 is not 64 hexadecimal digits in small letters"))?;
    Ok((file.name, hash))
}

fn hash_of(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64
        || !text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, at) in hash.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(hash)
}

/// Where a file may be put.
pub fn upload((upload, key, expires_epoch_s): &(PresignedUpload, String, u64)) -> Answer {
    let headers: serde_json::Map<String, Value> = upload
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    Answer::json(
        200,
        &json!({
            "url": upload.url.reveal(),
            "headers": headers,
            "key": key,
            "expires_epoch_s": expires_epoch_s,
        }),
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Submission {
    cues: Option<Vec<DraftCue>>,
    key: Option<String>,
}

/// What is handed in.
pub fn submission(request: &ApiGatewayV2httpRequest) -> Asked<Work> {
    match needed(request)? {
        Submission {
            cues: Some(cues),
            key: None,
        } => {
            if cues.is_empty() || cues.len() > MOST_CUES {
                return Err(bad(&format!("there are not 1 to {MOST_CUES} cues")));
            }
            let written = Written { cues, note: None };
            written.within_limits().map_err(|error| refused(&error))?;
            Ok(Work::Cues(written.cues))
        }
        Submission {
            cues: None,
            key: Some(key),
        } => Ok(Work::File(key)),
        _ => Err(bad("the body has not either cues or a key")),
    }
}

/// What a check says.
pub fn checked(status: u16, checked: &Checked) -> Answer {
    Answer::json(
        status,
        &json!({ "findings": checked.findings, "taken": checked.what }),
    )
}
