//! Orders that people do, by the API: found, taken, drafted, refused, handed in, delivered at the stand-in.

use std::collections::BTreeSet;
use std::time::Instant;

use aws_sdk_eventbridge::types::Target;
use aws_sdk_sqs::types::QueueAttributeName;
use kaltura::TaskId;
use kaltura_sim::{AssetKind, OrderRequest, PlacedOrder};
use pipeline::record::TaskState;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::bed::{Bed, RECOGNISED_WITHIN, SOON};
use crate::life::{change, now_epoch_s, reconciled};

/// Somebody with a login, at the deployed API.
struct Client {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Client {
    fn of(bed: &Bed, person: &str) -> Self {
        Self {
            http: reqwest::Client::new(),
            url: bed.stack.output("PeopleUrl").unwrap().to_owned(),
            token: bed.stack.login(person).unwrap(),
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}api/{path}", self.url))
            .bearer_auth(&self.token)
    }

    async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    async fn post(&self, path: &str, body: &Value) -> Response {
        self.request(Method::POST, path).json(body).send().await.unwrap()
    }

    async fn save(&self, path: &str, body: &Value, header: (&str, &str)) -> Response {
        let put = self.request(Method::PUT, path).header(header.0, header.1);
        put.json(body).send().await.unwrap()
    }
}

async fn json_of(response: Response, status: StatusCode) -> Value {
    let (found, text) = (response.status(), response.text().await.unwrap());
    assert_eq!(found, status, "{text}");
    serde_json::from_str(&text).unwrap()
}

fn for_people(bed: &Bed) -> OrderRequest {
    let mut order = bed.order_for(&bed.clip);
    order.service_type = 1;
    order.notes = Some("Names as they are <b>written</b>.".to_owned());
    order
}

/// An order that waits for people; answers its path below `api/`.
async fn waiting(bed: &Bed) -> (PlacedOrder, String) {
    let placed = bed.order(for_people(bed)).await;
    let path = format!("orders/{}", placed.task_id);
    let omar = Client::of(bed, "omar");
    let begun = Instant::now();
    loop {
        let answer = omar.get(&path).await;
        if answer.status() == StatusCode::OK {
            return (placed, path);
        }
        let told = answer.text().await.unwrap();
        assert!(begun.elapsed() < RECOGNISED_WITHIN, "{told}");
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }
}

fn sha256(content: &str) -> String {
    use sha2::Digest as _;
    let hash = sha2::Sha256::digest(content);
    hash.iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .concat()
}

fn cues(text: &str) -> Value {
    json!({ "cues": [
        { "id": "a", "start_ms": 200, "end_ms": 1_800, "text": text },
        { "id": "b", "start_ms": 2_000, "end_ms": 3_500, "text": "And this is the end." },
    ] })
}

/// From the list to the delivered caption.
pub async fn captions_by_a_person(bed: &Bed) {
    let (placed, path) = waiting(bed).await;
    let (ana, ben) = (Client::of(bed, "ana"), Client::of(bed, "ben"));

    let list = json_of(
        ana.get("orders?state=open&service=captions&language=en").await,
        StatusCode::OK,
    )
    .await;
    let id = placed.task_id.to_string();
    let listed = list["orders"]
        .as_array()
        .unwrap()
        .iter()
        .find(|order| order["task"] == id);
    assert_eq!(listed.unwrap()["deliverable"], "captions", "{list}");

    let (take, nothing) = (format!("{path}/take"), json!({}));
    let (one, other) = tokio::join!(ana.post(&take, &nothing), ben.post(&take, &nothing));
    let taken = [one.status(), other.status()];
    assert!(
        taken.contains(&StatusCode::OK) && taken.contains(&StatusCode::CONFLICT),
        "{taken:?}"
    );
    let (holder, late) = if taken[0] == StatusCode::OK {
        (&ana, &ben)
    } else {
        (&ben, &ana)
    };
    let refused = json_of(
        late.post(&format!("{path}/submit"), &cues("Mine.")).await,
        StatusCode::CONFLICT,
    )
    .await;
    assert_eq!(refused["error"]["name"], "HeldByAnother");

    let order = json_of(holder.get(&path).await, StatusCode::OK).await;
    assert_eq!(order["notes"], "Names as they are <b>written</b>.");
    let machine = json_of(holder.get(&format!("{path}/draft")).await, StatusCode::OK).await;
    assert_eq!(machine["origin"], "machine", "{machine}");
    let media = json_of(holder.get(&format!("{path}/media")).await, StatusCode::OK).await;
    let part = holder
        .http
        .get(media["url"].as_str().unwrap())
        .header("range", "bytes=0-99");
    let part = part.send().await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    let peaks = json_of(holder.get(&format!("{path}/peaks")).await, StatusCode::OK).await;
    let loudest = peaks["peaks"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_u64)
        .max();
    assert!(loudest > Some(20), "somebody speaks: {loudest:?}");

    let draft = format!("{path}/draft");
    let first = holder.save(&draft, &cues("First."), ("if-none-match", "*")).await;
    assert_eq!(first.status(), StatusCode::OK);
    let etag = first.headers()["etag"].to_str().unwrap().to_owned();
    let second = holder.save(&draft, &cues("Second."), ("if-match", &etag)).await;
    assert_eq!(second.status(), StatusCode::OK);
    let stale = holder.save(&draft, &cues("Stale."), ("if-match", &etag)).await;
    let stale = json_of(stale, StatusCode::PRECONDITION_FAILED).await;
    assert_eq!(stale["draft"]["cues"][0]["text"], "Second.");

    let submitted = holder
        .post(&format!("{path}/submit"), &cues("This was typed."))
        .await;
    let submitted = json_of(submitted, StatusCode::OK).await;
    assert_eq!(submitted["taken"], "captions", "{submitted}");
    let again = json_of(
        holder.post(&format!("{path}/submit"), &cues("Again.")).await,
        StatusCode::GONE,
    )
    .await;
    assert_eq!(again["error"]["name"], "HandedIn");
    bed.ended(&placed, SOON).await;
    let report = bed.report(&placed);
    let caption = report.delivered(AssetKind::Caption).next().unwrap();
    let content = std::fs::read(caption.file.as_ref().unwrap()).unwrap();
    let (_, delivered) = ::captions::read_any(&content).unwrap();
    assert_eq!(delivered[0].text(), "This was typed.");
    assert_eq!((report.status, &caption.fields["accuracy"]), (2, &json!(100)));
}

/// A file that can't be used, one whose bytes are others than were told, and a good one.
pub async fn files_are_checked(bed: &Bed) {
    let (placed, path) = waiting(bed).await;
    let ana = Client::of(bed, "ana");
    json_of(
        ana.post(&format!("{path}/take"), &json!({})).await,
        StatusCode::OK,
    )
    .await;
    let put = async |content: &str, told: &str| {
        let file = json!({ "name": "captions.srt", "size_bytes": told.len(), "sha256": sha256(told) });
        let upload = json_of(ana.post(&format!("{path}/files"), &file).await, StatusCode::OK).await;
        let mut request = ana
            .http
            .put(upload["url"].as_str().unwrap())
            .body(content.to_owned());
        for (name, value) in upload["headers"].as_object().unwrap() {
            request = request.header(name, value.as_str().unwrap());
        }
        (request.send().await.unwrap().status(), upload["key"].clone())
    };
    let late = "1\n00:00:00,500 --> 00:01:30,000\nIt goes on and on.\n";
    let (status, key) = put("1\n00:00:00,500 --> 00:00:02,000\nOther bytes.\n", late).await;
    assert!(
        status.is_client_error(),
        "the bucket takes what was told, and nothing else: {status}"
    );
    let nothing = ana.post(&format!("{path}/submit"), &json!({ "key": key })).await;
    assert_eq!(nothing.status(), StatusCode::BAD_REQUEST);
    let (status, key) = put(late, late).await;
    assert!(status.is_success(), "{status}");
    let refused = ana.post(&format!("{path}/submit"), &json!({ "key": key })).await;
    let refused = json_of(refused, StatusCode::UNPROCESSABLE_ENTITY).await;
    assert_eq!(refused["findings"][0]["name"], "CueBehindTheEnd", "{refused}");
    let good = "1\n00:00:00,500 --> 00:00:02,500\nThis came as a file.\n";
    let (_, key) = put(good, good).await;
    let taken = ana.post(&format!("{path}/submit"), &json!({ "key": key })).await;
    json_of(taken, StatusCode::OK).await;
    bed.ended(&placed, SOON).await;
    assert_eq!(bed.report(&placed).status, 2);
}

/// No token, a forged one, one of another audience's making; and what a login may not see and not do.
pub async fn nobody_gets_in_unverified(bed: &Bed) {
    let (placed, path) = waiting(bed).await;
    let ana = Client::of(bed, "ana");
    let mut signature_off = ana.token.clone();
    let last = signature_off.pop();
    signature_off.pop();
    signature_off.push(if last == Some('A') { 'B' } else { 'A' });
    signature_off.push('A');
    let omar = bed.stack.login("omar").unwrap();
    let (head, rest) = ana.token.split_once('.').unwrap();
    let (_, signature) = rest.split_once('.').unwrap();
    let others_claims = omar.split('.').nth(1).unwrap();
    let swapped = format!("{head}.{others_claims}.{signature}");
    for token in ["", "x", "a.b.c", &signature_off, &swapped] {
        let answer = ana
            .http
            .get(format!("{}api/{path}", ana.url))
            .bearer_auth(token)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{token}");
    }
    let chloe = Client::of(bed, "chloe");
    assert_eq!(chloe.get(&path).await.status(), StatusCode::FORBIDDEN);
    let config = ana
        .http
        .get(format!("{}page/config.json", ana.url))
        .send()
        .await
        .unwrap();
    let config = json_of(config, StatusCode::OK).await;
    assert_eq!(config["issuer"], bed.stack.issuer());

    // Who may do orders may not end them: that is final, and gives the customer the money back.
    let ending = json!({
        "reason": "Nobody speaks.", "ends_order": true, "text_for_customer": "Nobody speaks in this recording.",
    });
    let reject = format!("{path}/reject");
    let refused = ana.post(&reject, &ending).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    json_of(
        Client::of(bed, "omar").post(&reject, &ending).await,
        StatusCode::OK,
    )
    .await;
    bed.ended(&placed, SOON).await;
    let report = bed.report(&placed);
    assert_eq!(report.task["errDescription"], "Nobody speaks in this recording.");
    assert!(report.refunded);
}

/// Whatever is asked of the API, it answers as its OpenAPI file says: schemathesis makes up the calls, and its report is kept.
pub async fn the_api_is_as_its_file_says(bed: &Bed) {
    let ((one, path), (other, other_path)) = tokio::join!(waiting(bed), waiting(bed));
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let oracle = tokio::process::Command::new(root.join("tests/oracles"))
        .arg("people")
        .env("PEOPLE_URL", bed.stack.output("PeopleUrl").unwrap())
        .env("PEOPLE_TOKEN", bed.stack.login("ana").unwrap())
        .env("PEOPLE_TASKS", format!("{} {}", one.task_id, other.task_id))
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let told = String::from_utf8_lossy(&oracle.stdout).into_owned();
    assert!(
        oracle.status.success(),
        "{told}{}",
        String::from_utf8_lossy(&oracle.stderr)
    );
    // In whatever way it was asked, Ana could not end the order.
    let omar = Client::of(bed, "omar");
    json_of(omar.get(&path).await, StatusCode::OK).await;
    let ending = json!({ "reason": "Tried.", "ends_order": true, "text_for_customer": "This was a trial." });
    for (placed, path) in [(one, path), (other, other_path)] {
        let ended = omar.post(&format!("{path}/reject"), &ending).await;
        assert!(matches!(ended.status().as_u16(), 200 | 410), "{}", ended.status());
        bed.ended(&placed, SOON).await;
    }
}

/// A queue of what the account's event bus tells of an order.
struct Heard {
    sqs: aws_sdk_sqs::Client,
    url: String,
}

impl Heard {
    async fn of(bed: &Bed, task_id: &str) -> Self {
        let sqs = aws_sdk_sqs::Client::new(bed.stack.sdk());
        let name = format!("warnings-{task_id}");
        let made = sqs.create_queue().queue_name(&name).send().await.unwrap();
        let url = made.queue_url.unwrap();
        let read = sqs.get_queue_attributes().queue_url(&url);
        let read = read.attribute_names(QueueAttributeName::QueueArn);
        let attributes = read.send().await.unwrap().attributes.unwrap();
        let arn = &attributes[&QueueAttributeName::QueueArn];
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "Service": "events.amazonaws.com" },
                "Action": "sqs:SendMessage",
                "Resource": arn,
            }],
        });
        let lets = sqs.set_queue_attributes().queue_url(&url);
        let lets = lets.attributes(QueueAttributeName::Policy, policy.to_string());
        lets.send().await.unwrap();
        let events = aws_sdk_eventbridge::Client::new(bed.stack.sdk());
        let pattern = json!({ "source": ["reach-vendor"], "detail": { "task_id": [task_id] } });
        let rule = events.put_rule().name(&name).event_pattern(pattern.to_string());
        rule.send().await.unwrap();
        let target = Target::builder().id("queue").arn(arn).build().unwrap();
        let put = events.put_targets().rule(&name).targets(target).send();
        assert_eq!(put.await.unwrap().failed_entry_count(), 0);
        Self { sqs, url }
    }

    /// What was heard since the last time.
    async fn events(&self) -> Vec<Value> {
        let received = self.sqs.receive_message().queue_url(&self.url);
        let received = received.max_number_of_messages(10).send().await.unwrap();
        let bodies = received.messages().iter().filter_map(|message| message.body());
        bodies.map(|body| serde_json::from_str(body).unwrap()).collect()
    }
}

/// The warnings of an order that is late come over the account's event bus, by the function's own rights.
pub async fn deadlines_are_told_on_the_bus(bed: &Bed) {
    let (placed, path) = waiting(bed).await;
    let id = placed.task_id.to_string();
    let heard = Heard::of(bed, &id).await;
    reconciled(bed, &TaskId::parse(&id).unwrap(), |record| {
        record.expected_finish_epoch_s = Some(now_epoch_s());
    })
    .await;
    let begun = Instant::now();
    let mut percents = BTreeSet::new();
    while percents.len() < 3 {
        for event in heard.events().await {
            assert_eq!(event["detail-type"], "People Deadline Warning", "{event}");
            assert_eq!(
                event["resources"][0],
                bed.stack.output("StateMachineArn").unwrap()
            );
            assert_eq!(event["detail"]["service"], "captions", "{event}");
            percents.extend(event["detail"]["percent"].as_u64());
        }
        assert!(begun.elapsed() < SOON, "{percents:?}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(percents, BTreeSet::from([50, 80, 100]));
    let ending =
        json!({ "reason": "Late.", "ends_order": true, "text_for_customer": "This was not done in time." });
    let ended = Client::of(bed, "omar")
        .post(&format!("{path}/reject"), &ending)
        .await;
    json_of(ended, StatusCode::OK).await;
    bed.ended(&placed, SOON).await;
}

/// Who goes on with an order that its customer has withdrawn is told so, and its execution ends, an hour before reconcile looks.
pub async fn a_withdrawn_order_is_noticed_by_who_works_on_it(bed: &Bed) {
    let (placed, path) = waiting(bed).await;
    let ana = Client::of(bed, "ana");
    let take = ana.post(&format!("{path}/take"), &json!({})).await;
    json_of(take, StatusCode::OK).await;
    bed.sim().abort_order(&placed.task_id).unwrap();
    // As if some minutes had passed since Kaltura was asked.
    change(bed, &TaskId::parse(placed.task_id.as_str()).unwrap(), |record| {
        record.people.asked_epoch_s = Some(now_epoch_s() - 600);
    })
    .await;
    let (draft, typed) = (format!("{path}/draft"), cues("In vain."));
    let saved = ana.save(&draft, &typed, ("if-none-match", "*")).await;
    let told = json_of(saved, StatusCode::GONE).await;
    assert_eq!(told["error"]["name"], "Withdrawn", "{told}");
    let task = bed.ended(&placed, SOON).await;
    assert_eq!(task.state, TaskState::Gone, "{task:?}");
    assert!(
        !task.steps.iter().any(|step| step.name == "CloseGone"),
        "{task:?}"
    );
}
