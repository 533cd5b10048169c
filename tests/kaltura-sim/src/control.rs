//! The control plane, `/_sim/…`: what [`crate::SimHandle`] does, over HTTP.

use crate::error::SimError;
use crate::faults::Fault;
use crate::handle::SimInfo;
use crate::ids::{EntryId, FaultId, TaskId};
use crate::order::{OrderRequest, PlacedOrder};
use crate::report::{CallRecord, OrderReport};
use crate::world::{Shared, unknown};
use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

type Sim = State<Arc<Shared>>;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/_sim/info", get(info))
        .route("/_sim/orders", get(orders).post(place))
        .route("/_sim/orders/{id}", get(order))
        .route("/_sim/orders/{id}/abort", post(abort))
        .route("/_sim/orders/{id}/reset", post(reset))
        .route("/_sim/entries/{id}", delete(delete_entry))
        .route("/_sim/faults", post(add_faults).delete(clear_faults))
        .route("/_sim/faults/{id}", delete(remove_fault))
        .route("/_sim/clock", get(now).post(advance))
        .route("/_sim/calls", get(calls))
}

impl IntoResponse for SimError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Unknown { .. } => StatusCode::NOT_FOUND,
            Self::Invalid { .. } | Self::Media { .. } | Self::File { .. } => StatusCode::BAD_REQUEST,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (
            status,
            Json(json!({"error": self.name(), "message": self.to_string()})),
        )
            .into_response()
    }
}

/// Reads a body, whatever its content type: a control plane is driven by hand, too.
fn body<T: serde::de::DeserializeOwned>(bytes: &Bytes) -> Result<T, SimError> {
    serde_json::from_slice(bytes).map_err(|error| SimError::Invalid {
        field: "body".to_owned(),
        got: error.to_string(),
        expected: "a JSON object as the README describes it",
    })
}

async fn info(State(shared): Sim) -> Json<SimInfo> {
    Json(shared.info())
}

async fn orders(State(shared): Sim) -> Json<Vec<PlacedOrder>> {
    Json(shared.world().placed())
}

async fn place(State(shared): Sim, bytes: Bytes) -> Result<Json<PlacedOrder>, SimError> {
    let order: OrderRequest = if bytes.is_empty() {
        OrderRequest::default()
    } else {
        body(&bytes)?
    };
    crate::place::place(&shared, order).await.map(Json)
}

async fn order(State(shared): Sim, Path(id): Path<String>) -> Result<Json<OrderReport>, SimError> {
    shared.world().report(&TaskId::from(id)).map(Json)
}

async fn abort(State(shared): Sim, Path(id): Path<String>) -> Result<StatusCode, SimError> {
    shared.abort(&TaskId::from(id)).map(|()| StatusCode::NO_CONTENT)
}

async fn reset(State(shared): Sim, Path(id): Path<String>) -> Result<StatusCode, SimError> {
    shared.reset(&TaskId::from(id)).map(|()| StatusCode::NO_CONTENT)
}

async fn delete_entry(State(shared): Sim, Path(id): Path<String>) -> Result<StatusCode, SimError> {
    shared
        .delete_entry(&EntryId::from(id))
        .map(|()| StatusCode::NO_CONTENT)
}

/// Faults to switch on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AddFaults {
    add: Vec<Fault>,
}

/// The handles of the faults, in the order given.
#[derive(Debug, Serialize)]
struct AddedFaults {
    ids: Vec<FaultId>,
}

async fn add_faults(State(shared): Sim, bytes: Bytes) -> Result<Json<AddedFaults>, SimError> {
    let request: AddFaults = body(&bytes)?;
    let mut world = shared.world();
    let ids = request
        .add
        .into_iter()
        .map(|fault| world.faults.add(fault))
        .collect();
    Ok(Json(AddedFaults { ids }))
}

async fn clear_faults(State(shared): Sim) -> StatusCode {
    shared.world().faults.clear();
    StatusCode::NO_CONTENT
}

async fn remove_fault(State(shared): Sim, Path(id): Path<u64>) -> Result<StatusCode, SimError> {
    let removed = shared.world().faults.remove(FaultId(id));
    if removed {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(unknown("fault", &id.to_string()))
    }
}

/// How far to move the clock.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_ms: u64,
}

/// Where the clock stands.
#[derive(Debug, Serialize)]
struct Now {
    now_ms: i64,
}

async fn now(State(shared): Sim) -> Json<Now> {
    Json(Now {
        now_ms: shared.clock.now_ms(),
    })
}

async fn advance(State(shared): Sim, bytes: Bytes) -> Result<Json<Now>, SimError> {
    let request: Advance = body(&bytes)?;
    shared.clock.advance(Duration::from_millis(request.advance_ms));
    Ok(Json(Now {
        now_ms: shared.clock.now_ms(),
    }))
}

async fn calls(State(shared): Sim) -> Json<Vec<CallRecord>> {
    Json(shared.world().calls.clone())
}
