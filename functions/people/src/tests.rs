use std::sync::Arc;

use kaltura_sim::{ExistingCaption, Fault, FaultEffect, OrderRequest};
use pipeline::ports::ObjectStore as _;
use pipeline::record::TaskState;
use pipeline::steps::StepInput;
use pipeline::steps::fetch;
use serde_json::{Value, json};
use step_world::{World, order};

use super::*;

/// A vendor whose people work by the API.
struct Bench {
    people: People,
    world: World,
}

/// What was answered.
struct Told {
    status: i64,
    etag: Option<String>,
    json: Value,
}

impl Bench {
    async fn new() -> Self {
        Self::with(&[]).await
    }

    async fn with(vars: &[(&str, &str)]) -> Self {
        let world = World::of_every_service(vars).await;
        let settings = PageSettings {
            issuer: "https://login.example.com".to_owned(),
            client_id: "page".to_owned(),
            origins: vec![
                "https://login.example.com".to_owned(),
                "https://work.example.com".to_owned(),
            ],
        };
        let files = Arc::new(world.bucket.clone());
        Self {
            people: People {
                ctx: world.ctx.clone(),
                page: Page::new(files, settings),
                groups_claim: "cognito:groups".to_owned(),
            },
            world,
        }
    }

    async fn call(&self, who: Option<(&str, &str)>, route: &str, parameters: &Value, more: &Value) -> Told {
        let (method, path) = route.split_once(' ').unwrap();
        let claims =
            who.map(|(id, groups)| json!({ "sub": id, "name": id.to_uppercase(), "cognito:groups": groups }));
        let mut event = json!({
            "version": "2.0",
            "routeKey": route,
            "rawPath": path,
            "rawQueryString": "",
            "headers": {},
            "requestContext": {
                "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "a" },
                "routeKey": route,
                "stage": "$default",
                "timeEpoch": 1_790_000_000_000_u64,
            },
            "pathParameters": parameters,
            "isBase64Encoded": false,
        });
        if let Some(claims) = claims {
            event["requestContext"]["authorizer"] = json!({ "jwt": { "claims": claims, "scopes": null } });
        }
        for (name, value) in more.as_object().into_iter().flatten() {
            event[name] = value.clone();
        }
        let response = handle(&self.people, serde_json::from_value(event).unwrap()).await;
        let response = serde_json::to_value(response).unwrap();
        Told {
            status: response["statusCode"].as_i64().unwrap(),
            etag: response["headers"]["etag"].as_str().map(str::to_owned),
            json: serde_json::from_str(response["body"].as_str().unwrap_or_default()).unwrap_or_default(),
        }
    }

    async fn on(&self, who: (&str, &str), task: &StepInput, action: &str, body: &Value) -> Told {
        self.with_headers(who, task, action, body, &json!({})).await
    }

    async fn with_headers(
        &self,
        who: (&str, &str),
        task: &StepInput,
        action: &str,
        body: &Value,
        headers: &Value,
    ) -> Told {
        let (method, rest) = action.split_once(' ').unwrap_or((action, ""));
        let rest = if rest.is_empty() {
            String::new()
        } else {
            format!("/{rest}")
        };
        let route = format!("{method} /api/orders/{{task}}{rest}");
        let mut more = json!({ "headers": headers });
        if !body.is_null() {
            more["body"] = json!(body.to_string());
        }
        let parameters = json!({ "task": task.task_id.as_str() });
        self.call(Some(who), &route, &parameters, &more).await
    }

    async fn list(&self, who: (&str, &str), query: &Value) -> Vec<String> {
        let more = json!({ "queryStringParameters": query });
        let told = self.call(Some(who), "GET /api/orders", &json!({}), &more).await;
        assert_eq!(told.status, 200, "{}", told.json);
        let orders = told.json["orders"].as_array().unwrap();
        orders
            .iter()
            .map(|order| order["task"].as_str().unwrap().to_owned())
            .collect()
    }

    /// An order of people's, up to where they are waited for.
    async fn waiting(&self, order: OrderRequest) -> StepInput {
        let input = self.world.processed(order).await;
        assert!(self.world.record(&input.task_id).await.accepted().is_some());
        input
    }

    /// The same, taken by somebody.
    async fn taken(&self, who: (&str, &str), order: OrderRequest) -> StepInput {
        let input = self.waiting(order).await;
        let taken = Box::pin(self.on(who, &input, "POST take", &Value::Null)).await;
        assert_eq!(taken.status, 200, "{}", taken.json);
        input
    }

    /// Puts a file into the bucket, as by a link.
    async fn put(&self, key: &str, content: impl AsRef<[u8]>, content_type: &str) {
        let content = content.as_ref().to_vec().into();
        let put = self.world.bucket.put(key, content, content_type);
        put.await.unwrap();
    }
}

const ANA: (&str, &str) = ("ana", "[service.captions language.en]");
const BEN: (&str, &str) = ("ben", "[service.captions language.en]");
const CHLOE: (&str, &str) = ("chloe", "[service.dubbing language.any]");
const OMAR: (&str, &str) = ("omar", "[supervisor]");

fn for_people() -> OrderRequest {
    let mut order = order();
    order.service_type = 1;
    order.notes = Some("Dr. Mueller speaks <b>first</b>.".to_owned());
    order
}

fn cues() -> Value {
    json!({ "cues": [
        { "id": "a", "start_ms": 0, "end_ms": 1_900, "text": "Good morning.", "speaker": "Ana" },
        { "id": "b", "start_ms": 2_000, "end_ms": 3_900, "text": "And welcome." },
    ] })
}

#[tokio::test]
async fn nobody_gets_in_whom_no_authorizer_has_let_in() {
    let bench = Bench::new().await;
    let input = bench.waiting(for_people()).await;
    let task = json!({ "task": input.task_id.as_str() });
    for route in [
        "GET /api/me",
        "GET /api/orders",
        "GET /api/orders/{task}",
        "POST /api/orders/{task}/submit",
    ] {
        assert_eq!(
            bench.call(None, route, &task, &json!({})).await.status,
            401,
            "{route}"
        );
    }
    assert_eq!(
        bench
            .call(Some(ANA), "GET /api/secrets", &task, &json!({}))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn an_order_is_taken_drafted_and_handed_in() {
    let bench = Bench::new().await;
    let input = bench.waiting(for_people()).await;
    let id = input.task_id.as_str().to_owned();
    assert_eq!(bench.list(ANA, &json!({})).await, std::slice::from_ref(&id));
    assert!(bench.list(ANA, &json!({ "state": "mine" })).await.is_empty());
    let order = bench.on(ANA, &input, "GET", &Value::Null).await;
    assert_eq!(order.json["notes"], "Dr. Mueller speaks <b>first</b>.");
    assert_eq!(order.json["can"], json!(["take"]));
    let customer = bench.world.record(&input.task_id).await;
    let told = order.json.to_string();
    assert!(!told.contains(customer.entry_id.unwrap().as_str()), "{told}");
    assert!(!told.contains(&format!("\"{}\"", customer.partner_id)), "{told}");

    assert_eq!(
        bench.on(ANA, &input, "GET draft", &Value::Null).await.status,
        409,
        "not taken yet"
    );
    let taken = bench.on(ANA, &input, "POST take", &Value::Null).await;
    assert_eq!(
        (taken.status, &taken.json["holder"]["is_me"]),
        (200, &json!(true)),
        "{}",
        taken.json
    );
    assert!(bench.list(ANA, &json!({})).await.is_empty(), "it is held");
    assert_eq!(bench.list(ANA, &json!({ "state": "mine" })).await, [id]);

    let first = bench.on(ANA, &input, "GET draft", &Value::Null).await;
    assert_eq!(
        (first.json["origin"].as_str(), first.etag),
        (Some("machine"), None)
    );
    assert!(!first.json["cues"].as_array().unwrap().is_empty());
    assert_eq!(bench.on(ANA, &input, "PUT draft", &cues()).await.status, 428);
    let new = json!({ "if-none-match": "*" });
    let saved = bench.with_headers(ANA, &input, "PUT draft", &cues(), &new).await;
    assert_eq!(saved.status, 200, "{}", saved.json);
    let read = bench.on(ANA, &input, "GET draft", &Value::Null).await;
    assert_eq!(
        (&read.json["cues"][0]["text"], &read.etag),
        (&json!("Good morning."), &saved.etag)
    );

    let media = bench.on(ANA, &input, "GET media", &Value::Null).await;
    let now_epoch_s = bench.world.ctx.clock.now_epoch_s();
    let left_s = media.json["expires_epoch_s"].as_u64().unwrap() - now_epoch_s;
    assert!(left_s <= 600, "a link is minutes old at most: {left_s}");
    let checked = bench.on(ANA, &input, "POST check", &cues()).await;
    assert_eq!(
        (checked.status, &checked.json["taken"]),
        (200, &json!("captions")),
        "{}",
        checked.json
    );
    let submitted = bench.on(ANA, &input, "POST submit", &cues()).await;
    assert_eq!(
        (submitted.status, &submitted.json["taken"]),
        (200, &json!("captions")),
        "{}",
        submitted.json
    );
    assert_eq!(
        bench.world.states.succeeded().last().map(String::as_str),
        Some("a-token")
    );
    let again = bench.on(ANA, &input, "POST submit", &cues()).await;
    assert_eq!(
        (again.status, &again.json["error"]["name"]),
        (410, &json!("HandedIn"))
    );
    let record = bench.world.record(&input.task_id).await;
    let acts: Vec<&str> = record.people.acts.iter().map(|act| act.what.as_str()).collect();
    assert_eq!(acts, ["taken", "handed in captions"]);
    assert_eq!(record.people.hold, None);
}

#[tokio::test]
async fn of_two_people_one_gets_the_order() {
    let bench = Bench::new().await;
    let input = bench.waiting(for_people()).await;
    let (ana, ben) = tokio::join!(
        bench.on(ANA, &input, "POST take", &Value::Null),
        bench.on(BEN, &input, "POST take", &Value::Null)
    );
    let mut statuses = [ana.status, ben.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    let (holder, other) = if ana.status == 200 { (ANA, BEN) } else { (BEN, ANA) };
    let refused = bench.on(other, &input, "POST submit", &cues()).await;
    assert_eq!(refused.json["holder"]["name"], holder.0.to_uppercase());
    assert_eq!(
        bench.on(other, &input, "POST release", &Value::Null).await.status,
        409
    );
    assert_eq!(
        bench.on(OMAR, &input, "POST release", &Value::Null).await.status,
        200
    );
    assert_eq!(
        bench.on(other, &input, "POST take", &Value::Null).await.status,
        200
    );
}

#[tokio::test]
async fn a_stale_save_gets_the_newer_draft_and_writes_nothing() {
    let bench = Bench::new().await;
    let input = bench.taken(ANA, for_people()).await;
    let new = json!({ "if-none-match": "*" });
    let first = bench
        .with_headers(ANA, &input, "PUT draft", &cues(), &new)
        .await
        .etag
        .unwrap();
    let mut changed = cues();
    changed["cues"][0]["text"] = json!("Good evening.");
    let based = json!({ "if-match": first });
    let second = bench
        .with_headers(ANA, &input, "PUT draft", &changed, &based)
        .await;
    assert_eq!(second.status, 200);
    for stale in [&based, &new] {
        let refused = bench.with_headers(ANA, &input, "PUT draft", &cues(), stale).await;
        assert_eq!(refused.status, 412);
        assert_eq!(refused.json["draft"]["cues"][0]["text"], "Good evening.");
        assert_eq!(refused.etag, second.etag);
    }
    bench.on(ANA, &input, "POST release", &Value::Null).await;
    assert_eq!(
        bench
            .with_headers(ANA, &input, "PUT draft", &cues(), &based)
            .await
            .status,
        409
    );
    bench.on(BEN, &input, "POST take", &Value::Null).await;
    let inherited = bench.on(BEN, &input, "GET draft", &Value::Null).await;
    assert_eq!(
        inherited.json["cues"][0]["text"], "Good evening.",
        "what was typed stays with the order"
    );
}

#[tokio::test]
async fn an_abandoned_order_is_in_the_list_again() {
    let bench = Bench::new().await;
    let input = bench.waiting(for_people()).await;
    let until = json!({ "until_epoch_s": bench.world.ctx.clock.now_epoch_s() + 60 });
    assert_eq!(bench.on(ANA, &input, "POST take", &until).await.status, 200);
    assert!(bench.list(BEN, &json!({})).await.is_empty());
    bench.world.advance(61);
    assert_eq!(bench.list(BEN, &json!({})).await.len(), 1);
    assert_eq!(bench.on(ANA, &input, "POST check", &cues()).await.status, 409);
    assert_eq!(bench.on(BEN, &input, "POST take", &Value::Null).await.status, 200);
    let past = json!({ "until_epoch_s": 1 });
    assert_eq!(bench.on(BEN, &input, "POST extend", &past).await.status, 400);
}

#[tokio::test]
async fn groups_decide_who_sees_an_order() {
    let bench = Bench::new().await;
    let input = bench.waiting(for_people()).await;
    assert!(bench.list(CHLOE, &json!({})).await.is_empty());
    let refused = bench.on(CHLOE, &input, "POST take", &Value::Null).await;
    assert_eq!(
        (refused.status, &refused.json["error"]["text"]),
        (403, &json!("your groups lack service.captions"))
    );
    let nobody = bench.on(("eve", ""), &input, "GET", &Value::Null).await;
    assert_eq!(nobody.status, 403);
    assert_eq!(
        bench
            .list(OMAR, &json!({ "service": "captions", "language": "en" }))
            .await
            .len(),
        1
    );
    assert!(
        bench
            .list(OMAR, &json!({ "service": "dubbing" }))
            .await
            .is_empty()
    );
    assert!(bench.list(OMAR, &json!({ "language": "fr" })).await.is_empty());
    assert!(bench.list(OMAR, &json!({ "due_before": "1" })).await.is_empty());
}

#[tokio::test]
async fn a_rejected_order_is_for_others_and_only_a_supervisor_ends_it() {
    let bench = Bench::new().await;
    let input = bench.taken(ANA, for_people()).await;
    let why = json!({ "reason": "I can't make out the second voice." });
    assert_eq!(bench.on(ANA, &input, "POST reject", &why).await.status, 200);
    assert!(bench.list(ANA, &json!({})).await.is_empty());
    assert_eq!(bench.list(BEN, &json!({})).await.len(), 1);
    let seen = bench.on(BEN, &input, "GET", &Value::Null).await;
    assert_eq!(
        seen.json["rejections"][0]["reason"],
        "I can't make out the second voice."
    );
    let end =
        json!({ "reason": "silent", "ends_order": true, "text_for_customer": "The recording has no sound." });
    bench.on(BEN, &input, "POST take", &Value::Null).await;
    assert_eq!(bench.on(BEN, &input, "POST reject", &end).await.status, 403);
    assert_eq!(bench.on(OMAR, &input, "POST reject", &end).await.status, 200);
    let record = bench.world.record(&input.task_id).await;
    assert!(
        record
            .failure
            .unwrap()
            .customer_text
            .contains("The recording has no sound.")
    );
    assert_eq!(
        bench.world.states.failed().last().unwrap(),
        &("a-token".to_owned(), pipeline::Class::Terminal)
    );
}

#[tokio::test]
async fn what_is_wrong_refuses_and_says_what_and_where() {
    let bench = Bench::new().await;
    let input = bench.taken(ANA, for_people()).await;
    let mut wrong = cues();
    wrong["cues"][0]["end_ms"] = json!(2_500);
    let refused = bench.on(ANA, &input, "POST submit", &wrong).await;
    assert_eq!((refused.status, &refused.json["taken"]), (422, &Value::Null));
    let finding = &refused.json["findings"][0];
    assert_eq!(
        (&finding["level"], &finding["name"], &finding["cue"]),
        (&json!("error"), &json!("CuesOverlap"), &json!(2))
    );
    assert!(
        bench.world.record(&input.task_id).await.accepted().is_some(),
        "it waits on"
    );
    let foreign = json!({ "key": "engine/1/1/handed-in-00.srt" });
    assert_eq!(bench.on(ANA, &input, "POST submit", &foreign).await.status, 400);
    let hash = "0".repeat(64);
    let file = json!({ "name": "captions.srt", "size_bytes": 5, "sha256": hash });
    let put = bench.on(ANA, &input, "POST files", &file).await;
    assert!(
        put.json["headers"]["x-amz-checksum-sha256"].is_string(),
        "{}",
        put.json
    );
    let key = put.json["key"].as_str().unwrap().to_owned();
    let handed = json!({ "key": key });
    assert_eq!(
        bench.on(ANA, &input, "POST submit", &handed).await.status,
        400,
        "nothing was put"
    );
    bench.put(&key, "no captions", "text/plain").await;
    let refused = bench.on(ANA, &input, "POST submit", &handed).await;
    assert_eq!(
        (refused.status, &refused.json["findings"][0]["name"]),
        (422, &json!("TextUnreadable"))
    );
    let good = "1\n00:00:00,000 --> 00:00:02,000\nHello there.\n";
    bench.put(&key, good, "text/plain").await;
    assert_eq!(bench.on(ANA, &input, "POST submit", &handed).await.status, 200);
}

/// A track of hours is measured for longer than an answer may take: who asks again must not begin anew.
#[tokio::test]
async fn a_track_is_measured_once() {
    let bench = Bench::new().await;
    let mut order = for_people();
    order.service_feature = 7;
    order.catalog_item.target_language = Some("Spanish".into());
    order.catalog_item.flavor_params_id = Some(301);
    order.catalog_item.clear_audio_flavor_params_id = Some(302);
    let input = bench.taken(CHLOE, order).await;
    let track = std::fs::read(step_world::media_with_sound()).unwrap();
    let put = async |hash: &str| {
        let file = json!({ "name": "track.m4a", "size_bytes": track.len(), "sha256": hash });
        let put = bench.on(CHLOE, &input, "POST files", &file).await;
        let key = put.json["key"].as_str().unwrap().to_owned();
        bench.put(&key, &track, "audio/mp4").await;
        key
    };
    let (key, other) = (put(&"1".repeat(64)).await, put(&"2".repeat(64)).await);
    let checked = bench
        .on(CHLOE, &input, "POST check", &json!({ "key": key }))
        .await;
    assert_eq!(
        (checked.status, &checked.json["taken"]),
        (200, &json!("sound")),
        "{}",
        checked.json
    );
    // As long as they are there, they are not opened: what was measured of one is no other's.
    for key in [&key, &other] {
        bench.put(key, "no sound at all", "audio/mp4").await;
    }
    let refused = bench
        .on(CHLOE, &input, "POST submit", &json!({ "key": other }))
        .await;
    assert_eq!(refused.status, 422, "{}", refused.json);
    let taken = bench
        .on(CHLOE, &input, "POST submit", &json!({ "key": key }))
        .await;
    assert_eq!(taken.status, 200, "{}", taken.json);
}

#[tokio::test]
async fn an_order_is_held_for_a_shift_or_as_long_as_somebody_says_within_two_weeks() {
    let bench = Bench::new().await;
    let input = bench.waiting(for_people()).await;
    let now_epoch_s = bench.world.ctx.clock.now_epoch_s();
    let taken = bench.on(ANA, &input, "POST take", &Value::Null).await;
    assert_eq!(taken.json["holder"]["until_epoch_s"], now_epoch_s + 8 * 3_600);
    let two_weeks = 14 * 86_400;
    for (in_s, status) in [(0, 400), (1, 200), (two_weeks, 200), (two_weeks + 1, 400)] {
        let until = json!({ "until_epoch_s": now_epoch_s + in_s });
        let extended = bench.on(ANA, &input, "POST extend", &until).await;
        assert_eq!(extended.status, status, "{in_s}: {}", extended.json);
    }
}

#[tokio::test]
async fn who_saves_a_draft_holds_on() {
    let bench = Bench::new().await;
    let input = bench.taken(ANA, for_people()).await;
    let begun_epoch_s = bench.world.ctx.clock.now_epoch_s();
    let mut based = json!({ "if-none-match": "*" });
    // Within the hour nothing is written; after it, each save prolongs.
    for (pause_s, held_until_s) in [(3_600, 8), (1, 9), (5 * 3_600, 14)] {
        bench.world.advance(pause_s);
        let saved = bench
            .with_headers(ANA, &input, "PUT draft", &cues(), &based)
            .await;
        let held_until_epoch_s = saved.json["held_until_epoch_s"].as_u64().unwrap();
        let held_s = held_until_epoch_s - begun_epoch_s;
        assert_eq!(held_s / 3_600, held_until_s, "{}", saved.json);
        let order = bench.on(ANA, &input, "GET", &Value::Null).await;
        assert_eq!(order.json["holder"]["until_epoch_s"], held_until_epoch_s);
        based = json!({ "if-match": saved.etag });
    }
    // Who has said longer, has longer.
    let until_epoch_s = bench.world.ctx.clock.now_epoch_s() + 86_400;
    let until = json!({ "until_epoch_s": until_epoch_s });
    bench.on(ANA, &input, "POST extend", &until).await;
    let saved = bench
        .with_headers(ANA, &input, "PUT draft", &cues(), &based)
        .await;
    assert_eq!(saved.json["held_until_epoch_s"], until_epoch_s, "{}", saved.json);
}

/// A supervisor sees to orders, and yet two never work on one without knowing.
#[tokio::test]
async fn nobody_takes_what_another_holds_not_even_a_supervisor() {
    let bench = Bench::new().await;
    let input = bench.taken(ANA, for_people()).await;
    let refused = bench.on(OMAR, &input, "POST take", &Value::Null).await;
    assert_eq!(
        (refused.status, &refused.json["holder"]["name"]),
        (409, &json!("ANA"))
    );
}

#[tokio::test]
async fn the_waveform_has_fifty_peaks_a_second_and_of_long_media_ten() {
    let four_hours_ms = 4 * 3_600_000;
    for (duration_ms, peaks_per_s) in [(4_000, 50), (four_hours_ms, 50), (four_hours_ms + 1, 10)] {
        let bench = Bench::new().await;
        let input = bench.world.begin(for_people()).await;
        let ctx = &bench.world.ctx;
        fetch::run(ctx, &input).await.unwrap();
        let mut record = bench.world.record(&input.task_id).await;
        record.media.as_mut().unwrap().duration_ms = Some(duration_ms);
        assert!(ctx.tasks.save(&mut record).await.unwrap());
        bench.world.process(&input).await.unwrap();
        assert_eq!(
            bench.on(ANA, &input, "GET peaks", &Value::Null).await.status,
            409,
            "not taken yet"
        );
        bench.on(ANA, &input, "POST take", &Value::Null).await;
        let told = bench.on(ANA, &input, "GET peaks", &Value::Null).await;
        // Where it is deleted with the rest of its task.
        let key = format!("transcripts/{}/peaks.json", input.task_id);
        assert!(bench.world.bucket.get(&key).await.unwrap().is_some());
        assert_eq!(told.json["peaks_per_s"], peaks_per_s, "{duration_ms} ms");
        let peaks = told.json["peaks"].as_array().unwrap();
        // The file itself has four seconds and a bit.
        assert!(
            (4 * peaks_per_s..5 * peaks_per_s).contains(&peaks.len()),
            "{}",
            peaks.len()
        );
        assert!(peaks.iter().any(|peak| peak.as_u64() > Some(0)), "it is silent");
    }
}

#[tokio::test]
async fn people_have_the_picture_where_there_is_one() {
    let bench = Bench::new().await;
    let input = bench.taken(ANA, for_people()).await;
    for (container, has_picture) in [("mp4", true), ("m4a", false)] {
        let mut record = bench.world.record(&input.task_id).await;
        container.clone_into(&mut record.media.as_mut().unwrap().container);
        assert!(bench.world.ctx.tasks.save(&mut record).await.unwrap());
        let media = bench.on(ANA, &input, "GET media", &Value::Null).await;
        assert_eq!(media.json["has_picture"], has_picture, "{}", media.json);
    }
}

#[tokio::test]
async fn who_translates_sees_what_is_to_be_translated() {
    let bench = Bench::new().await;
    let mut order = for_people();
    order.service_feature = 2;
    order.catalog_item.target_language = Some("Spanish".into());
    order.entry.captions = vec![ExistingCaption {
        content: "1\n00:00:00,500 --> 00:00:01,500\nGood morning.\n".into(),
        accuracy: Some(100),
        ..ExistingCaption::default()
    }];
    let input = bench.taken(OMAR, order).await;
    let source = bench.on(OMAR, &input, "GET source", &Value::Null).await;
    assert_eq!(
        (
            &source.json["cues"][0]["text"],
            &source.json["cues"][0]["start_ms"]
        ),
        (&json!("Good morning."), &json!(500)),
        "{}",
        source.json
    );
}

#[tokio::test]
async fn a_file_is_put_within_a_quarter_of_an_hour_and_only_where_files_are_handed_in() {
    let bench = Bench::new().await;
    let input = bench.taken(ANA, for_people()).await;
    let file = json!({ "name": "captions.srt", "size_bytes": 5, "sha256": "0".repeat(64) });
    let put = bench.on(ANA, &input, "POST files", &file).await;
    let left_s = put.json["expires_epoch_s"].as_u64().unwrap() - bench.world.ctx.clock.now_epoch_s();
    assert_eq!(left_s, 15 * 60);
    // What an engine has left of the same order is nobody's work.
    let engines = format!("engine/{}/1/sound.srt", input.task_id);
    let captions = "1\n00:00:00,000 --> 00:00:02,000\nHello there.\n";
    bench.put(&engines, captions, "text/plain").await;
    let refused = bench
        .on(ANA, &input, "POST submit", &json!({ "key": engines }))
        .await;
    assert_eq!(
        (refused.status, &refused.json["error"]["text"]),
        (400, &json!("key is not one of this order"))
    );
}

#[test]
fn what_people_do_is_counted() {
    let ((), told) = step_world::told(async {
        let bench = Bench::new().await;
        let input = bench.waiting(for_people()).await;
        for action in ["POST take", "GET media", "POST release"] {
            assert_eq!(bench.on(ANA, &input, action, &Value::Null).await.status, 200);
        }
    });
    assert_eq!(told.counted["PeopleActs"], 3, "{:?}", told.counted);
}

/// Both: a machine's draft, and a person who corrects it.
#[tokio::test]
async fn a_hybrid_order_is_a_machine_s_draft_for_a_person() {
    let bench = Bench::with(&[("DRAFTS_FOR_PEOPLE", "false")]).await;
    let mut order = for_people();
    order.service_type = 3;
    let input = bench.waiting(order).await;
    assert_eq!(bench.list(ANA, &json!({})).await, [input.task_id.as_str()]);
    bench.on(ANA, &input, "POST take", &Value::Null).await;
    let draft = bench.on(ANA, &input, "GET draft", &Value::Null).await;
    assert_eq!(draft.json["origin"], "machine", "{}", draft.json);
    let taken = bench.on(ANA, &input, "POST submit", &cues()).await;
    assert_eq!(taken.status, 200, "{}", taken.json);
}

#[tokio::test]
async fn a_withdrawn_order_is_gone_with_a_clear_word() {
    let bench = Bench::new().await;
    let input = bench.taken(ANA, for_people()).await;
    let mut record = bench.world.record(&input.task_id).await;
    record.end(TaskState::Gone, 5, "aborted");
    bench.world.ctx.tasks.save(&mut record).await.unwrap();
    let gone = bench
        .with_headers(
            ANA,
            &input,
            "PUT draft",
            &cues(),
            &json!({ "if-none-match": "*" }),
        )
        .await;
    assert_eq!(
        (gone.status, &gone.json["error"]["name"]),
        (410, &json!("Withdrawn"))
    );
    assert!(bench.list(ANA, &json!({ "state": "mine" })).await.is_empty());
}

/// Whatever somebody does next with an order that its customer has withdrawn tells them so, and ends it.
#[tokio::test]
async fn who_works_on_a_withdrawn_order_learns_of_it_at_once() {
    let save = json!({ "if-none-match": "*" });
    for action in ["GET", "POST take", "PUT draft", "POST submit"] {
        let bench = Bench::new().await;
        let input = bench.waiting(for_people()).await;
        if matches!(action, "PUT draft" | "POST submit") {
            assert_eq!(bench.on(ANA, &input, "POST take", &Value::Null).await.status, 200);
        }
        bench.world.advance(5 * 60);
        bench
            .world
            .sim
            .abort_order(&input.task_id.as_str().into())
            .unwrap();
        let body = if action == "GET" || action == "POST take" {
            Value::Null
        } else {
            cues()
        };
        let gone = bench.with_headers(ANA, &input, action, &body, &save).await;
        assert_eq!(
            (gone.status, &gone.json["error"]["name"]),
            (410, &json!("Withdrawn")),
            "{action}: {}",
            gone.json
        );
        assert_eq!(
            gone.json["error"]["text"],
            "the customer has withdrawn this order"
        );
        let record = bench.world.record(&input.task_id).await;
        assert_eq!(record.state, TaskState::Gone, "{action}");
        let stopped = bench.world.states.stopped();
        assert_eq!(stopped, [(input.task_id.clone(), input.attempt)], "{action}");
        assert!(bench.list(OMAR, &json!({ "state": "held" })).await.is_empty());
        assert!(bench.list(OMAR, &json!({})).await.is_empty());
        let again = bench.on(ANA, &input, "GET", &Value::Null).await;
        assert_eq!(again.json["error"]["name"], "Withdrawn");
    }
}

#[tokio::test]
async fn kaltura_is_asked_once_in_some_minutes_and_its_silence_keeps_nobody_from_work() {
    let bench = Bench::new().await;
    let input = bench.waiting(for_people()).await;
    let id = input.task_id.as_str().into();
    let blocked = Fault::new(FaultEffect::api("ACTION_BLOCKED"));
    let blocked = blocked.on("reach_entryvendortask", "get").for_task(&id);
    bench.world.sim.faults(vec![blocked]);
    assert_eq!(bench.on(ANA, &input, "POST take", &Value::Null).await.status, 200);
    bench.world.sim.clear_faults();
    bench.world.sim.abort_order(&id).unwrap();
    let soon = bench.on(ANA, &input, "POST check", &cues()).await;
    assert_eq!(soon.status, 200, "{}", soon.json);
    let soon = bench.on(ANA, &input, "GET", &Value::Null).await;
    assert_eq!(soon.status, 200, "asked just now: {}", soon.json);
    bench.world.advance(4 * 60);
    assert_eq!(bench.on(ANA, &input, "GET", &Value::Null).await.status, 410);
}

#[tokio::test]
async fn the_list_goes_on_page_by_page_in_due_time_order() {
    let bench = Bench::new().await;
    let base = bench.waiting(for_people()).await;
    let template = bench.world.record(&base.task_id).await;
    for n in 0..25_u64 {
        let mut record = template.clone();
        record.task_id = format!("5{n:03}").parse().unwrap();
        record.expected_finish_epoch_s = Some(1_000 + (n * 7) % 5);
        bench.world.ctx.tasks.keep(&record).await.unwrap();
    }
    let mut seen: Vec<(i64, String)> = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut query = json!({ "limit": "10" });
        if let Some(cursor) = &cursor {
            query["cursor"] = json!(cursor);
        }
        let more = json!({ "queryStringParameters": query });
        let told = bench.call(Some(OMAR), "GET /api/orders", &json!({}), &more).await;
        let orders = told.json["orders"].as_array().unwrap();
        assert!(orders.len() <= 10);
        seen.extend(orders.iter().map(|order| {
            let due = order["due_epoch_s"].as_i64().unwrap_or(i64::MAX);
            (due, order["task"].as_str().unwrap().to_owned())
        }));
        cursor = told.json["next"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 26, "each once");
    assert!(seen.is_sorted(), "{seen:?}");
}

/// What schemathesis found: a whole number may be written with a point, and a list is no body.
#[tokio::test]
async fn a_body_is_read_as_json_has_it() {
    let bench = Bench::new().await;
    let input = bench.taken(ANA, for_people()).await;
    let file = json!({ "name": "captions.srt", "size_bytes": 637.0, "sha256": "0".repeat(64) });
    assert_eq!(bench.on(ANA, &input, "POST files", &file).await.status, 200);
    let part = json!({ "name": "captions.srt", "size_bytes": 637.5, "sha256": "0".repeat(64) });
    assert_eq!(bench.on(ANA, &input, "POST files", &part).await.status, 400);
    let list = json!(["captions.srt", 637, "0".repeat(64)]);
    assert_eq!(bench.on(ANA, &input, "POST files", &list).await.status, 400);
    let nothing = json!({ "until_epoch_s": null });
    assert_eq!(bench.on(ANA, &input, "POST extend", &nothing).await.status, 200);
}

#[tokio::test]
async fn the_page_is_shown_under_a_strict_policy() {
    let bench = Bench::new().await;
    let get = async |route: &str, file: &str| {
        let event = json!({
            "routeKey": route,
            "pathParameters": { "file": file },
            "requestContext": { "http": { "method": "GET" } },
        });
        serde_json::to_value(handle(&bench.people, serde_json::from_value(event).unwrap()).await).unwrap()
    };
    assert_eq!(get("GET /", "").await["statusCode"], 404);
    let put = async |name: &str, content: &'static str| {
        bench.put(name, content, "x").await;
    };
    put(
        "page/index.html",
        "<script nonce=\"__CSP_NONCE__\" src=\"assets/a-1.js\"></script>",
    )
    .await;
    put("page/assets/a-1.js", "run()").await;
    put("media/1/1.mp4", "secret").await;
    let (first, second) = (get("GET /", "").await, get("GET /", "").await);
    let policy = first["headers"]["content-security-policy"].as_str().unwrap();
    let nonce = policy
        .split("'nonce-")
        .nth(1)
        .unwrap()
        .split('\'')
        .next()
        .unwrap();
    assert!(nonce.len() >= 24 && first["body"].as_str().unwrap().contains(nonce));
    assert!(
        !second["body"].as_str().unwrap().contains(nonce),
        "each answer has its own"
    );
    assert!(
        !policy.contains("unsafe") && policy.contains("default-src 'none'"),
        "{policy}"
    );
    assert!(policy.contains("connect-src 'self' https://login.example.com https://work.example.com"));
    let asset = get("GET /assets/{file}", "a-1.js").await;
    assert_eq!(
        asset["headers"]["cache-control"],
        "public, max-age=31536000, immutable"
    );
    assert_eq!(asset["headers"]["content-type"], "text/javascript; charset=utf-8");
    for hostile in ["..", "../media/1/1.mp4", "a%2f", ".hidden", ""] {
        assert_eq!(
            get("GET /assets/{file}", hostile).await["statusCode"],
            404,
            "{hostile}"
        );
    }
    let config = get("GET /page/config.json", "").await;
    insta::assert_snapshot!(config["body"].as_str().unwrap());
}
