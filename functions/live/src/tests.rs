use std::sync::Mutex;

use engines::http::signature::{NONCE_HEADER, SIGNATURE_HEADER, Signable, TIMESTAMP_HEADER};
use pipeline::StepError;
use pipeline::live::{ConnectionId, LiveStream};
use pipeline::memory::sample_stream_settings;
use pipeline::ports::Clock as _;
use serde_json::{Value, json};
use step_world::{World, http_event, socket_event};

use super::*;

const ENGINE_SECRET: &str = "one more secret of thirty-two letters";
const NONCE: &str = "0123456789abcdef";

/// Notes what became of orders, and can be told to fail.
#[derive(Default)]
struct Noted {
    acts: Mutex<Vec<String>>,
    fails: Mutex<bool>,
}

impl Noted {
    fn note(&self, what: &str, task_id: &TaskId) -> Result<()> {
        self.acts.lock().unwrap().push(format!("{what} {task_id}"));
        if *self.fails.lock().unwrap() {
            return Err(StepError::RecordMissing {
                task_id: task_id.to_string(),
            });
        }
        Ok(())
    }

    fn acts(&self) -> Vec<String> {
        self.acts.lock().unwrap().clone()
    }
}

#[async_trait(?Send)]
impl Life for Noted {
    async fn on_air(&self, task_id: &TaskId) -> Result<()> {
        self.note("on air", task_id)
    }
    async fn over(&self, task_id: &TaskId) -> Result<()> {
        self.note("over", task_id)
    }
}

/// A vendor with the streams of the tasks 1 and 2.
struct Bench {
    live: Live,
    world: World,
    noted: Arc<Noted>,
}

fn task(id: u32) -> TaskId {
    TaskId::parse(id.to_string()).unwrap()
}

fn post(sequence: u64, line: &str) -> Value {
    let start_ms = sequence * 3_000;
    json!({
        "source": "main",
        "sequence": sequence,
        "heard_until_ms": start_ms + 3_000,
        "lines": [{ "text": line, "start_ms": start_ms, "end_ms": start_ms + 2_500 }],
    })
}

impl Bench {
    async fn new() -> Self {
        let world = World::new().await;
        for id in [1, 2] {
            let stream = LiveStream::new(task(id), sample_stream_settings(), 500);
            world.ctx.streams().unwrap().keep(&stream).await.unwrap();
        }
        let noted = Arc::new(Noted::default());
        let api_url = "https://door.example.com/some".to_owned();
        Self {
            live: Live {
                ctx: world.ctx.clone(),
                tokens: world.ctx.live_tokens().unwrap().clone(),
                engine_secret: SharedSecret::new(ENGINE_SECRET).unwrap(),
                base_path: pipeline::config::base_path(&api_url).unwrap(),
                api_url,
                needs_account: false,
                life: noted.clone(),
            },
            world,
            noted,
        }
    }

    /// A request as API Gateway's documentation shows it (payload format 2.0), answered: status, headers and body.
    async fn request(&self, route: &str, task_id: &str, headers: &Value, body: &str) -> (u64, Value, Value) {
        let event = http_event(route, ("task_id", task_id), headers, body);
        let answer = handle(&self.live, serde_json::from_value(event).unwrap()).await;
        let answer = serde_json::to_value(answer).unwrap();
        let body = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        (
            answer["statusCode"].as_u64().unwrap(),
            answer["headers"].clone(),
            body,
        )
    }

    async fn words(&self, task_id: &str, token: Option<&str>, body: &str) -> (u64, Value) {
        let headers = match token {
            Some(token) => {
                json!({ "Authorization": format!("Bearer {token}"), "Content-Type": "application/json" })
            }
            None => json!({}),
        };
        let (status, _, body) = self
            .request("POST /live/streams/{task_id}/captions", task_id, &headers, body)
            .await;
        (status, body)
    }

    async fn say(&self, id: u32, post: &Value) -> (u64, Value) {
        let token = self.live.tokens.engine(&task(id));
        self.words(&id.to_string(), Some(token.reveal()), &post.to_string())
            .await
    }

    /// An event of the WebSocket API, as it comes from API Gateway.
    async fn socket(&self, kind: &str, connection: &str, more: &Value) -> u64 {
        let mut event = socket_event(kind, connection);
        for (name, value) in more.as_object().into_iter().flatten() {
            event[name] = value.clone();
        }
        let answer = handle(&self.live, serde_json::from_value(event).unwrap()).await;
        serde_json::to_value(answer).unwrap()["statusCode"]
            .as_u64()
            .unwrap()
    }

    /// Connects with this query and these headers; a connection that is let in is there then.
    async fn connect(&self, connection: &str, query: &Value, headers: &Value) -> u64 {
        let more = json!({ "queryStringParameters": query, "headers": headers });
        let status = self.socket("CONNECT", connection, &more).await;
        if status == 200 {
            self.world.sockets.open(&ConnectionId::new(connection));
        }
        status
    }

    async fn listen(&self, id: u32, connection: &str) {
        let token = self.live.tokens.caption(&task(id));
        let query = json!({ "stream": id.to_string(), "token": token.reveal() });
        assert_eq!(self.connect(connection, &query, &json!({})).await, 200);
    }

    fn received(&self, connection: &str) -> Vec<Value> {
        let texts = self.world.sockets.received(&ConnectionId::new(connection));
        texts
            .iter()
            .map(|text| serde_json::from_str(text).unwrap())
            .collect()
    }

    fn heard(&self, connection: &str) -> Vec<String> {
        let texts = self.received(connection).into_iter().map(|message| {
            let transcript = &message["response"]["alternatives"][0]["transcript"];
            transcript.as_str().unwrap().to_owned()
        });
        texts.collect()
    }

    async fn stream(&self, id: u32) -> LiveStream {
        self.world
            .ctx
            .streams()
            .unwrap()
            .load(&task(id))
            .await
            .unwrap()
            .unwrap()
    }

    async fn ingest(&self, body: &Value, signed_by: &str, path: &str) -> (u64, Value) {
        let body = body.to_string();
        let signed = Signable {
            method: "POST",
            path,
            body: body.as_bytes(),
        };
        let now_epoch_s = self.world.clock.now_epoch_s();
        let headers = json!({
            TIMESTAMP_HEADER: now_epoch_s.to_string(),
            NONCE_HEADER: NONCE,
            SIGNATURE_HEADER: signed.sign(&SharedSecret::new(signed_by).unwrap(), now_epoch_s, NONCE),
        });
        let (status, _, body) = self.request("POST /live/ingest", "", &headers, &body).await;
        (status, body)
    }
}

#[tokio::test]
async fn words_by_http_go_out_to_whoever_listens() {
    let bench = Bench::new().await;
    bench.listen(1, "primary").await;
    bench.listen(1, "backup").await;
    bench.listen(2, "elsewhere").await;
    let taken = json!({ "next_sequence": 2, "duplicate": false, "captions": 1, "late_words": 0 });
    assert_eq!(bench.say(1, &post(1, "Good evening.")).await, (200, taken));
    let again = json!({ "next_sequence": 2, "duplicate": true, "captions": 0, "late_words": 0 });
    assert_eq!(bench.say(1, &post(1, "Good evening.")).await, (200, again));
    assert_eq!(bench.heard("primary"), ["Good evening."]);
    assert_eq!(bench.heard("backup"), ["Good evening."]);
    assert!(bench.heard("elsewhere").is_empty());
}

#[tokio::test]
async fn what_is_wrong_with_a_post_is_told() {
    let bench = Bench::new().await;
    let (status, problem) = bench.say(1, &json!({ "source": "main", "sequence": 0 })).await;
    assert_eq!(status, 400);
    assert_eq!(problem["error"]["at"], "sequence");
    let (status, problem) = bench.say(1, &post(5, "Too soon.")).await;
    assert_eq!((status, &problem["expected_sequence"]), (409, &json!(1)));
    assert_eq!(bench.say(3, &post(1, "Of no stream.")).await.0, 404);
    let token = bench.live.tokens.engine(&task(1));
    let large = format!("{{\"source\":\"{}\"}}", "m".repeat(130 * 1024));
    assert_eq!(bench.words("1", Some(token.reveal()), &large).await.0, 413);
    assert_eq!(bench.words("1", Some(token.reveal()), "").await.0, 400);
    pipeline::live::end(&bench.live.ctx, &task(1), EndReason::EventOver)
        .await
        .unwrap();
    assert_eq!(bench.say(1, &post(1, "Too late.")).await.0, 410);
}

#[tokio::test]
async fn a_wrong_token_is_refused_and_touches_nothing() {
    let bench = Bench::new().await;
    let before = [bench.stream(1).await, bench.stream(2).await];
    let tokens = &bench.live.tokens;
    let post = post(1, "Nobody hears this.").to_string();
    assert_eq!(bench.words("1", None, &post).await.0, 401);
    for (task_id, token) in [
        ("1", "wrong".to_owned()),
        ("1", tokens.engine(&task(2)).reveal().to_owned()),
        ("1", tokens.caption(&task(1)).reveal().to_owned()),
        ("99", tokens.engine(&task(1)).reveal().to_owned()),
        ("no-task", tokens.engine(&task(1)).reveal().to_owned()),
        ("1", String::new()),
    ] {
        assert_eq!(
            bench.words(task_id, Some(&token), &post).await.0,
            403,
            "{task_id} {token}"
        );
    }
    let none = json!({});
    for (query, headers, status) in [
        (json!({ "stream": "1" }), none.clone(), 401),
        (json!({ "stream": "1", "token": "wrong" }), none.clone(), 403),
        (
            json!({ "stream": "1", "token": tokens.caption(&task(2)).reveal() }),
            none.clone(),
            403,
        ),
        (
            json!({ "stream": "1", "token": tokens.engine(&task(1)).reveal() }),
            none.clone(),
            403,
        ),
        (
            json!({ "stream": "1", "role": "engine", "token": tokens.caption(&task(1)).reveal() }),
            none.clone(),
            403,
        ),
        (
            json!({ "stream": "1", "role": "cook", "token": tokens.caption(&task(1)).reveal() }),
            none.clone(),
            403,
        ),
        (
            json!({ "token": tokens.caption(&task(1)).reveal() }),
            none.clone(),
            403,
        ),
        (
            json!({ "stream": "7", "token": tokens.caption(&task(7)).reveal() }),
            none.clone(),
            404,
        ),
        (json!(null), json!({ "X-Caption-Token": "wrong" }), 403),
        (
            json!({ "stream": "1" }),
            json!({ "Authorization": "Basic eDp5" }),
            401,
        ),
    ] {
        assert_eq!(
            bench.connect("stranger", &query, &headers).await,
            status,
            "{query} {headers}"
        );
    }
    assert_eq!(
        bench
            .socket("MESSAGE", "stranger", &json!({ "body": "hello" }))
            .await,
        404
    );
    assert_eq!(bench.socket("DISCONNECT", "stranger", &none).await, 200);
    assert_eq!([bench.stream(1).await, bench.stream(2).await], before);
    let bound = bench
        .world
        .ctx
        .streams()
        .unwrap()
        .bound(&ConnectionId::new("stranger"))
        .await;
    assert_eq!(bound.unwrap(), None);
    assert!(bench.noted.acts().is_empty());
}

#[tokio::test]
async fn a_caption_token_comes_in_the_query_or_in_either_header() {
    let bench = Bench::new().await;
    let token = bench.live.tokens.caption(&task(1));
    let token = token.reveal();
    for (connection, query, headers) in [
        ("a", json!({ "stream": "1", "token": token }), json!({})),
        ("b", json!({ "stream": "1" }), json!({ "X-Caption-Token": token })),
        (
            "c",
            json!({ "stream": "1", "role": "reader" }),
            json!({ "x-caption-token": token }),
        ),
        (
            "d",
            json!({ "stream": "1" }),
            json!({ "Authorization": format!("Bearer {token}") }),
        ),
    ] {
        assert_eq!(
            bench.connect(connection, &query, &headers).await,
            200,
            "{connection}"
        );
        assert!(
            bench.stream(1).await.has(&ConnectionId::new(connection)),
            "{connection}"
        );
    }
}

#[tokio::test]
async fn where_the_account_is_needed_its_token_or_a_session_of_it_comes_too() {
    let mut bench = Bench::new().await;
    bench.live.needs_account = true;
    let tokens = bench.live.tokens.clone();
    let caption = tokens.caption(&task(1));
    let query = json!({ "stream": "1", "token": caption.reveal() });
    let bearer = |token: &str| json!({ "Authorization": format!("Bearer {token}") });
    assert_eq!(bench.connect("a", &query, &json!({})).await, 403);
    assert_eq!(bench.connect("a", &query, &bearer("wrong")).await, 403);
    let alone = json!({ "stream": "1" });
    assert_eq!(bench.connect("a", &alone, &bearer(caption.reveal())).await, 403);
    assert_eq!(
        bench
            .connect("a", &query, &bearer(tokens.account().reveal()))
            .await,
        200
    );

    let auth = async |token: Option<&str>| {
        let headers = token.map_or(json!({}), bearer);
        let (status, _, body) = bench.request("POST /live/auth", "", &headers, "").await;
        (status, body)
    };
    assert_eq!(auth(None).await.0, 401);
    assert_eq!(auth(Some(caption.reveal())).await.0, 403);
    let (status, session) = auth(Some(tokens.account().reveal())).await;
    assert_eq!((status, &session["expires_in_s"]), (200, &json!(3_600)));
    let session = bearer(session["token"].as_str().unwrap());
    assert_eq!(bench.connect("b", &query, &session).await, 200);
    bench.world.clock.advance(3_600);
    assert_eq!(bench.connect("c", &query, &session).await, 403);
    // Words don't need it.
    assert_eq!(bench.say(1, &post(1, "Good evening.")).await.0, 200);
}

#[tokio::test]
async fn whatever_a_client_says_is_taken_and_has_it_sent_what_it_missed() {
    let bench = Bench::new().await;
    assert_eq!(bench.say(1, &post(1, "Good evening.")).await.0, 200);
    bench.listen(1, "reader").await;
    for body in [
        r#"{"event":"EOS"}"#,
        "ping",
        "",
        r#"{"source":"main","sequence":2,"end_of_stream":true}"#,
    ] {
        assert_eq!(
            bench.socket("MESSAGE", "reader", &json!({ "body": body })).await,
            200,
            "{body}"
        );
        assert_eq!(bench.heard("reader"), ["Good evening."]);
    }
    assert_eq!(bench.noted.acts(), ["on air 1"]);
}

#[tokio::test]
async fn an_engine_speaks_by_the_websocket_as_it_would_by_http() {
    let bench = Bench::new().await;
    bench.listen(1, "reader").await;
    let token = bench.live.tokens.engine(&task(1));
    let query = json!({ "stream": "1", "role": "engine", "token": token.reveal() });
    assert_eq!(bench.connect("engine", &query, &json!({})).await, 200);
    for body in [
        post(1, "Good evening.").to_string(),
        post(3, "Too soon.").to_string(),
        "?".to_owned(),
    ] {
        assert_eq!(
            bench.socket("MESSAGE", "engine", &json!({ "body": body })).await,
            200
        );
    }
    assert_eq!(bench.heard("reader"), ["Good evening."]);
    let answers = bench.received("engine");
    assert_eq!(
        answers[0],
        json!({
            "status": 200, "source": "main", "sequence": 1,
            "next_sequence": 2, "duplicate": false, "captions": 1, "late_words": 0,
        })
    );
    assert_eq!(
        [
            &answers[1]["status"],
            &answers[1]["expected_sequence"],
            &answers[2]["status"]
        ],
        [409, 2, 400]
    );
}

#[tokio::test]
async fn kaltura_is_told_of_the_first_caption_once_and_again_only_where_it_failed() {
    let bench = Bench::new().await;
    bench.listen(1, "reader").await;
    *bench.noted.fails.lock().unwrap() = true;
    assert_eq!(bench.say(1, &post(1, "Good evening.")).await.0, 200);
    assert_eq!(
        bench.heard("reader"),
        ["Good evening."],
        "the caption goes out all the same"
    );
    *bench.noted.fails.lock().unwrap() = false;
    for sequence in 2..5 {
        assert_eq!(bench.say(1, &post(sequence, "And so on.")).await.0, 200);
    }
    assert_eq!(bench.noted.acts(), ["on air 1", "on air 1"]);
}

#[tokio::test]
async fn the_end_of_a_stream_ends_the_order_s_work_and_is_tried_again_where_that_failed() {
    let bench = Bench::new().await;
    bench.listen(1, "reader").await;
    let mut last = post(1, "Good night.");
    last["end_of_stream"] = json!(true);
    *bench.noted.fails.lock().unwrap() = true;
    let headers =
        json!({ "Authorization": format!("Bearer {}", bench.live.tokens.engine(&task(1)).reveal()) });
    let route = "POST /live/streams/{task_id}/captions";
    let (status, headers, _) = bench.request(route, "1", &headers, &last.to_string()).await;
    assert_eq!((status, &headers["retry-after"]), (503, &json!("1")));
    *bench.noted.fails.lock().unwrap() = false;
    let (status, taken) = bench.say(1, &last).await;
    assert_eq!((status, &taken["duplicate"]), (200, &json!(true)));
    assert_eq!(bench.noted.acts().last().unwrap(), "over 1");
    let messages = bench.received("reader");
    assert_eq!(messages.last().unwrap()["response"]["is_end_of_stream"], true);
    let ids = messages
        .iter()
        .map(|message| message["response"]["id"].to_string());
    let ids: std::collections::HashSet<String> = ids.collect();
    assert_eq!(ids.len(), messages.len(), "each came once");
}

#[tokio::test]
async fn a_connection_that_ends_leaves_its_place_to_the_next() {
    let bench = Bench::new().await;
    bench.listen(1, "before").await;
    assert_eq!(bench.say(1, &post(1, "One.")).await.0, 200);
    bench.world.clock.advance(60);
    bench.world.sockets.lose(&ConnectionId::new("before"));
    for _ in 0..2 {
        assert_eq!(bench.socket("DISCONNECT", "before", &json!({})).await, 200);
    }
    assert_eq!(bench.say(1, &post(2, "Two.")).await.0, 200);
    bench.listen(1, "after").await;
    assert_eq!(bench.say(1, &post(3, "Three.")).await.0, 200);
    assert_eq!(bench.heard("after"), ["Two.", "Three."]);
}

#[tokio::test]
async fn the_ingest_is_told_where_the_words_of_a_media_key_go() {
    let bench = Bench::new().await;
    let key = bench.live.tokens.media_key(&task(1));
    let publish = json!({ "event": "publish", "media_key": key.reveal() });
    let path = "/some/live/ingest";
    let (status, told) = bench.ingest(&publish, ENGINE_SECRET, path).await;
    assert_eq!(
        (status, told),
        (
            200,
            json!({
                "task_id": "1",
                "captions_url": "https://door.example.com/some/live/streams/1/captions",
                "engine_token": bench.live.tokens.engine(&task(1)).reveal(),
                "language": "en",
                "dictionary": ["Kaltura"],
                "event_end_epoch_s": 4_600,
            })
        )
    );
    let done = json!({ "event": "done", "media_key": key.reveal() });
    assert_eq!(bench.ingest(&done, ENGINE_SECRET, path).await.0, 200);
    for (body, secret, path, status) in [
        (
            publish.clone(),
            "a wrong secret of thirty-two letters...",
            path,
            403,
        ),
        (publish.clone(), ENGINE_SECRET, "/live/ingest", 403),
        (
            json!({ "event": "publish", "media_key": "1-wrong" }),
            ENGINE_SECRET,
            path,
            403,
        ),
        (
            json!({ "event": "publish", "media_key": bench.live.tokens.engine(&task(1)).reveal() }),
            ENGINE_SECRET,
            path,
            403,
        ),
        (
            json!({ "event": "publish", "media_key": bench.live.tokens.media_key(&task(7)).reveal() }),
            ENGINE_SECRET,
            path,
            404,
        ),
        (
            json!({ "event": "dance", "media_key": key.reveal() }),
            ENGINE_SECRET,
            path,
            400,
        ),
    ] {
        assert_eq!(bench.ingest(&body, secret, path).await.0, status, "{body}");
    }
    let unsigned = bench
        .request("POST /live/ingest", "", &json!({}), &publish.to_string())
        .await;
    assert_eq!(unsigned.0, 401);
    pipeline::live::end(&bench.live.ctx, &task(1), EndReason::EventOver)
        .await
        .unwrap();
    assert_eq!(bench.ingest(&publish, ENGINE_SECRET, path).await.0, 410);
    assert_eq!(bench.ingest(&done, ENGINE_SECRET, path).await.0, 200);
}

#[tokio::test]
async fn there_is_nothing_else() {
    let bench = Bench::new().await;
    assert_eq!(bench.request("GET /live", "", &json!({}), "").await.0, 404);
    assert_eq!(bench.socket("OTHER", "x", &json!({})).await, 400);
}

/// The lines of a YAML file below a line, as far as they are indented more.
fn below<'a>(yaml: &'a str, head: &str) -> Vec<&'a str> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let from = yaml
        .lines()
        .position(|line| line == head)
        .unwrap_or_else(|| panic!("no line `{head}`"));
    let lines = yaml.lines().skip(from + 1);
    lines
        .take_while(|line| line.is_empty() || indent(line) > indent(head))
        .collect()
}

/// The names in a block of a YAML file.
fn names(lines: &[&str], indent: usize) -> Vec<String> {
    let at = |line: &&&str| line.len() - line.trim_start().len() == indent;
    let mut names: Vec<String> = lines
        .iter()
        .filter(at)
        .map(|line| line.trim().split(':').next().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

fn keys(json: &Value) -> Vec<String> {
    json.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn openapi_yaml_has_the_paths_and_the_fields_of_the_code() {
    let yaml = include_str!("../openapi.yaml");
    let template = include_str!("../../../template.yaml");
    let paths = below(yaml, "paths:");
    let mut routes: Vec<String> = http::ROUTES.iter().map(|route| (*route).to_owned()).collect();
    for route in &routes {
        assert!(
            template.contains(&format!("RouteKey: {route}\n")),
            "{route} is not in the template"
        );
    }
    for route in &mut routes {
        *route = route.strip_prefix("POST ").unwrap().to_owned();
    }
    routes.sort();
    assert_eq!(names(&paths, 2), routes);
    let fields = |schema: &str| {
        let block = below(yaml, &format!("    {schema}:"));
        let from = block
            .iter()
            .position(|line| line.trim() == "properties:")
            .unwrap();
        names(&block[from + 1..], 8)
    };
    let word = json!({ "text": "a", "start_ms": 0, "end_ms": 0 });
    let post = json!({
        "source": "main", "sequence": 1, "origin": { "pts_s": 0.0, "epoch_s": 0.0 }, "words": [word], "lines": [word],
    });
    let read: LiveInput = serde_json::from_value(post).unwrap();
    let post = serde_json::to_value(read).unwrap();
    for (schema, json) in [
        ("Post", &post),
        ("Origin", &post["origin"]),
        ("Word", &post["words"][0]),
        ("Line", &post["lines"][0]),
    ] {
        assert_eq!(fields(schema), keys(json), "{schema}");
    }
    let taken = TakenIn {
        next_sequence: 1,
        is_duplicate: false,
        captions: 0,
        late_words: 0,
        is_end_of_stream: false,
        is_to_be_on_air: false,
    };
    assert_eq!(fields("Taken"), keys(&answer::Answer::taken(&taken).json));
}

#[tokio::test]
async fn asyncapi_yaml_has_the_fields_of_the_messages() {
    let bench = Bench::new().await;
    bench.listen(1, "reader").await;
    let mut said = post(1, "Good evening.");
    said["lines"][0]["speaker"] = json!("1");
    bench.say(1, &said).await;
    let yaml = include_str!("../asyncapi.yaml");
    let response = &bench.received("reader")[0]["response"];
    let alternative = &response["alternatives"][0];
    for (schema, json) in [
        ("Response", response),
        ("Speaker", &response["speakers"][0]),
        ("Alternative", alternative),
        ("Item", &alternative["items"][0]),
    ] {
        let block = below(yaml, &format!("    {schema}:"));
        let from = block
            .iter()
            .position(|line| line.trim() == "properties:")
            .unwrap();
        assert_eq!(names(&block[from + 1..], 8), keys(json), "{schema}");
        let required = block
            .iter()
            .find_map(|line| line.trim().strip_prefix("required: ["))
            .unwrap();
        let mut required: Vec<&str> = required.trim_end_matches(']').split(", ").collect();
        required.sort_unstable();
        assert_eq!(required, keys(json), "{schema}");
    }
    let kinds: Vec<&Value> = alternative["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["kind"])
        .collect();
    assert_eq!(kinds, ["text", "text", "punct"]);
}
