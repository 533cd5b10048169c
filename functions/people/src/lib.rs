//! People: the API by which people do orders, and the page that they do it on.
//!
//! Invoked by an API Gateway HTTP API, payload format 2.0; `openapi.yaml` beside this crate says what each path takes and
//! gives. Routes below `api/` stand behind the API's JWT authorizer: who comes here has a token of the stack's issuer, and what
//! the authorizer read in it is all that is believed. A request for such a route without claims is refused, so that nobody gets
//! in by another way. The unit of failure is the request.
//!
//! What lives here: requests and answers. What does not: who may do what, and what comes of it (`pipeline::people`).

mod answer;
mod page;
mod who;
mod work;

use std::time::Instant;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use kaltura::TaskId;
use pipeline::config::Env;
use pipeline::people::{Desk, Person};
use pipeline::{Builder, Context, Result};

use crate::answer::{Answer, problem, refused};
pub use crate::page::{Page, PageSettings};

/// What this function works with.
pub struct People {
    /// The pipeline's.
    pub ctx: Context,
    /// The page.
    pub page: Page,
    /// The claim of a token that has the person's groups.
    pub groups_claim: String,
}

/// What this function works with, by its environment.
pub async fn people() -> Result<People> {
    let env = Env::of_process();
    let builder = Builder::from_env().await?;
    let page = Page::new(builder.page_files()?, PageSettings::from_env(&env)?);
    let ctx = builder
        .with_objects()?
        .with_people()?
        .with_executions()?
        .with_completions()
        .build()?;
    Ok(People {
        ctx,
        page,
        groups_claim: env
            .optional("PEOPLE_GROUPS_CLAIM")
            .unwrap_or_else(|| "cognito:groups".to_owned()),
    })
}

/// Answers one request.
pub async fn handle(people: &People, request: ApiGatewayV2httpRequest) -> ApiGatewayV2httpResponse {
    let begun = Instant::now();
    let route = request.route_key.clone().unwrap_or_default();
    let who = who::of(&request, &people.groups_claim);
    let task_id = task_of(&request);
    let answered = match route.as_str() {
        "GET /" => Ok(people.page.index().await),
        "GET /assets/{file}" => Ok(people.page.asset(&parameter(&request, "file")).await),
        "GET /page/config.json" => Ok(people.page.config()),
        _ => api(people, who.as_ref(), &route, task_id.as_ref(), &request).await,
    };
    let answer = answered.unwrap_or_else(|problem| problem);
    // Who looked at what, too, belongs to an order's trail.
    tracing::info!(
        route,
        status = answer.status,
        task_id = task_id.as_ref().map(tracing::field::display),
        person = who.as_ref().map(|who| tracing::field::display(&who.id)),
        duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        "request answered"
    );
    answer.into_response()
}

fn parameter(request: &ApiGatewayV2httpRequest, name: &str) -> String {
    request.path_parameters.get(name).cloned().unwrap_or_default()
}

/// The order that a request is about; `None` where it names none that could be.
fn task_of(request: &ApiGatewayV2httpRequest) -> Option<TaskId> {
    let task = parameter(request, "task");
    let is_number = (1..=20).contains(&task.len()) && task.bytes().all(|byte| byte.is_ascii_digit());
    TaskId::parse(task).ok().filter(|_| is_number)
}

/// Answers a request that somebody with a login makes.
async fn api(
    people: &People,
    who: Option<&Person>,
    route: &str,
    task_id: Option<&TaskId>,
    request: &ApiGatewayV2httpRequest,
) -> std::result::Result<Answer, Answer> {
    let Some(who) = who else {
        return Err(problem(401, "NotLoggedIn", "there is no login"));
    };
    let ctx = &people.ctx;
    match route {
        "GET /api/me" => return Ok(who::me(who)),
        "GET /api/orders" => return work::list(ctx, who, request).await,
        _ => {}
    }
    let Some((method, action)) = route.split_once(" /api/orders/{task}") else {
        return Err(problem(404, "NotFound", "there is nothing here"));
    };
    let Some(task_id) = task_id else {
        return Err(problem(400, "BadRequest", "the order is not a number"));
    };
    let desk = Desk::of(ctx, who);
    let answered = match (method, action) {
        ("GET", "") => desk
            .order(task_id)
            .await
            .map(|order| work::order(&order, who, ctx)),
        ("POST", "/take") => {
            let until = work::until(request)?;
            desk.take(task_id, until)
                .await
                .map(|order| work::order(&order, who, ctx))
        }
        ("POST", "/extend") => {
            let until = work::until(request)?;
            desk.extend(task_id, until)
                .await
                .map(|order| work::order(&order, who, ctx))
        }
        ("POST", "/release") => desk
            .release(task_id)
            .await
            .map(|order| work::order(&order, who, ctx)),
        ("POST", "/reject") => {
            let rejection = work::rejection(request)?;
            let rejected = match rejection.text_for_customer {
                Some(text) => desk.end(task_id, &rejection.reason, &text).await,
                None => desk.reject(task_id, &rejection.reason).await,
            };
            rejected.map(|order| work::order(&order, who, ctx))
        }
        ("GET", "/draft") => desk.draft(task_id).await.map(|draft| work::draft(&draft)),
        ("PUT", "/draft") => {
            let (written, based_on) = work::save(request)?;
            let saved = desk.save(task_id, written, based_on.as_deref()).await;
            saved.map(|saved| work::saved(&saved))
        }
        ("GET", "/media") => desk.media(task_id).await.map(|link| work::media(&link)),
        ("GET", "/peaks") => desk.peaks(task_id).await.map(work::peaks),
        ("GET", "/source") => desk.source(task_id).await.map(|source| work::source(&source)),
        ("POST", "/files") => {
            let (name, sha256) = work::file(request)?;
            let upload = desk.upload(task_id, &name, &sha256).await;
            upload.map(|upload| work::upload(&upload))
        }
        ("POST", "/check") => {
            let submission = work::submission(request)?;
            let checked = desk.check(task_id, submission).await;
            checked.map(|checked| work::checked(200, &checked))
        }
        ("POST", "/submit") => {
            let submission = work::submission(request)?;
            let checked = desk.submit(task_id, submission).await;
            checked.map(|checked| work::checked(if checked.what.is_some() { 200 } else { 422 }, &checked))
        }
        _ => return Err(problem(404, "NotFound", "there is nothing here")),
    };
    answered.map_err(|error| refused(&error))
}

#[cfg(test)]
mod tests;
