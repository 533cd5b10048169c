//! Several calls of one kind in one request (spec 4.4, "multirequest"): each is answered, or refused, for itself.
//!
//! Only for calls that don't need each other's answers and that the server does alone as it does them here: not
//! `setContent` of captions, whose rights are other ones inside a multirequest, and not `media.update`, which reads its tags
//! from the request's outside (spec 4.4, section 7). So nothing here is public but what is built on it.

use serde::Serialize;
use serde::ser::{Error as _, SerializeMap as _};
use serde_json::Value;

use crate::call::{Call, Pace, Repeat};
use crate::calls::{AddCuePoint, GetFlavor, NewChapter};
use crate::envelope;
use crate::error::{Error, Result};
use crate::ids::AssetId;
use crate::json::{FromJson, Shape};
use crate::objects::{CuePoint, FlavorAsset};
use crate::task_client::TaskClient;

/// The service's name in the URL; it has no action.
pub(crate) const SERVICE: &str = "multirequest";
/// Calls in one request: so few that the server answers within the time of a content call.
const MOST: usize = 50;

/// Calls that travel together.
struct Batch<'a, C>(&'a [C]);

impl<C: Call> Serialize for Batch<'_, C> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut body = serializer.serialize_map(Some(self.0.len()))?;
        // The server counts from 1.
        for (index, call) in (1..).zip(self.0) {
            let Ok(Value::Object(mut parameters)) = serde_json::to_value(call) else {
                return Err(S::Error::custom("parameters that are no JSON object"));
            };
            parameters.insert("service".to_owned(), C::SERVICE.into());
            parameters.insert("action".to_owned(), C::ACTION.into());
            body.serialize_entry(&usize::to_string(&index), &parameters)?;
        }
        body.end()
    }
}

impl<C: Call> Call for Batch<'_, C> {
    const SERVICE: &'static str = SERVICE;
    const ACTION: &'static str = C::ACTION;
    const REPEAT: Repeat = C::REPEAT;
    const PACE: Pace = Pace::Content;
    type Reply = Answers;

    fn secrets(&self) -> Vec<&str> {
        self.0.iter().flat_map(Call::secrets).collect()
    }
}

/// One value a call, as it came.
struct Answers(Vec<Value>);

impl FromJson for Answers {
    fn from_json(value: Value) -> Result<Self, Shape> {
        match value {
            Value::Array(values) => Ok(Self(values)),
            other => Err(Shape::new("a list of answers", &other)),
        }
    }
}

impl TaskClient<'_> {
    /// Makes calls in as few requests as they need, and answers one outcome a call, in their order. A request that fails
    /// as a whole is the outcome of each of its calls.
    async fn call_all<C: Call>(&self, calls: &[C]) -> Vec<Result<C::Reply>> {
        let mut outcomes = Vec::with_capacity(calls.len());
        for some in calls.chunks(MOST) {
            match self.call(&Batch(some)).await {
                Ok(Answers(values)) => {
                    let count = values.len();
                    let mut values = values.into_iter();
                    outcomes.extend(some.iter().map(|call| match values.next() {
                        Some(value) => self.outcome(call, value),
                        None => Err(Error::UnexpectedShape {
                            call: call.name(),
                            what: format!("expected {} answers, found {count}", some.len()),
                            at: SERVICE.to_owned(),
                        }),
                    }));
                }
                Err(error) => outcomes.extend(some.iter().map(|_| Err(error.clone()))),
            }
        }
        outcomes
    }

    fn outcome<C: Call>(&self, call: &C, value: Value) -> Result<C::Reply> {
        let mut secrets = call.secrets();
        secrets.push(self.key.reveal());
        let value = envelope::open_value(call.name(), value, &secrets)?;
        C::Reply::from_json(value).map_err(|shape| Error::UnexpectedShape {
            call: call.name(),
            what: shape.what,
            at: shape.at,
        })
    }

    /// Adds chapters (`cuePoint.add`), up to 50 in a request, and answers one outcome a chapter, in their order. A repeat is
    /// told by the system name: the outcome of a chapter that is there already is `CUE_POINT_SYSTEM_NAME_EXISTS`.
    ///
    /// Its outcomes are those of [`TaskClient::chapter_add`].
    pub async fn chapters_add(&self, chapters: &[NewChapter]) -> Vec<Result<CuePoint>> {
        let calls: Vec<_> = chapters
            .iter()
            .map(|chapter| AddCuePoint { cue_point: chapter })
            .collect();
        self.call_all(&calls).await
    }

    /// Several flavor assets (`flavorAsset.get`) in one request: how the two tracks of a dubbing are watched while they are
    /// imported. Safe to repeat.
    ///
    /// Its outcomes are those of [`TaskClient::flavor_get`].
    pub async fn flavors_get(&self, ids: &[AssetId]) -> Vec<Result<FlavorAsset>> {
        let calls: Vec<_> = ids.iter().map(|id| GetFlavor { id }).collect();
        self.call_all(&calls).await
    }
}
