//! The AWS adapters of the pipeline's ports pass what the doubles in memory pass.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use futures::StreamExt as _;
use kaltura::TaskId;
use media::sink::{MIN_PART_BYTES, conformance as conformance_of_sinks};
use media::{FetchConfig, Fetcher, MediaSource, fetch_progressive};
use pipeline::aws::{
    dynamodb::Table, s3::Bucket, secrets::read_own, sockets::Connections, sqs::Orders, streams::Streams,
};
use pipeline::conformance;
use pipeline::live::{LiveStream, LiveTokens};
use pipeline::memory::sample_stream_settings;
use pipeline::ports::{ObjectStore, StreamStore as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;

use crate::bed::Bed;

pub async fn conform(bed: &Bed) {
    let stack = &bed.stack;
    let dynamo = aws_sdk_dynamodb::Client::new(stack.sdk());
    make_table(&dynamo, "conformance").await;
    let table = Table::new(dynamo, "conformance");
    conformance::task_index(&table, "7", async || {}).await.unwrap();
    conformance::people_index(&table, &table, "6", async || {})
        .await
        .unwrap();
    conformance::task_store(&table, "8").await.unwrap();
    conformance::leases(&table).await.unwrap();
    conformance::gate(&table).await.unwrap();
    conformance::session_store(&table).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let bucket = Bucket::new(stack.sdk(), stack.output("WorkBucket").unwrap());
    conformance::object_store(&bucket, folder.path()).await.unwrap();
    conformance::shared_objects(&bucket).await.unwrap();
    sinks(&bucket).await;
    Uploads::of(bed).leave_nothing_behind(&bucket).await;
    let sqs = aws_sdk_sqs::Client::new(stack.sdk());
    let url = sqs
        .create_queue()
        .queue_name("conformance")
        .send()
        .await
        .unwrap()
        .queue_url
        .unwrap();
    conformance::order_queue(&Orders::new(sqs, url)).await.unwrap();
    live(bed).await;
}

/// The table of live streams, and the connections of the stack's own websocket, by a client that is let in there.
async fn live(bed: &Bed) {
    let stack = &bed.stack;
    let output = |name| stack.output(name).unwrap();
    let store = Streams::new(aws_sdk_dynamodb::Client::new(stack.sdk()), output("StreamsTable"));
    let task = |id: &str| TaskId::parse(id).unwrap();
    conformance::stream_store(&store, &task("880001")).await.unwrap();

    let task_id = task("880002");
    let now_epoch_s = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let stream = LiveStream::new(task_id.clone(), sample_stream_settings(), now_epoch_s);
    assert!(store.keep(&stream).await.unwrap());
    let secrets = aws_sdk_secretsmanager::Client::new(stack.sdk());
    let secret = read_own(&secrets, output("LinkSecretArn"), "LINK_SECRET_ARN")
        .await
        .unwrap();
    let tokens = LiveTokens::new(&secret, 1).unwrap();
    let websocket = output("LiveUrl");
    let account = stack.live_account().await.unwrap();
    let with_account = |url: &str| {
        let bearer = HeaderValue::from_str(&format!("Bearer {account}")).unwrap();
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert(AUTHORIZATION, bearer);
        request
    };
    let wrong = format!("{websocket}?stream={task_id}&token=wrong");
    assert!(
        tokio_tungstenite::connect_async(with_account(&wrong))
            .await
            .is_err(),
        "a wrong token is not let in"
    );
    let url = tokens.caption_url(websocket, &task_id);
    let request = with_account(url.reveal());
    let (client, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    let stream = store.load(&task_id).await.unwrap().unwrap();
    let open = stream.places[0].connection.clone().unwrap();

    let sockets = Connections::new(stack.sdk(), &websocket.replacen("ws", "http", 1));
    let client = tokio::sync::Mutex::new((client, Vec::new()));
    let received = async |count: usize| {
        let mut client = client.lock().await;
        let (socket, texts) = &mut *client;
        while texts.len() < count {
            let message = tokio::time::timeout(Duration::from_secs(20), socket.next()).await;
            let message = message.expect("no message in time").unwrap().unwrap();
            if message.is_text() {
                texts.push(message.into_text().unwrap().to_string());
            }
        }
        texts.clone()
    };
    conformance::sockets(&sockets, &open, received).await.unwrap();
    store.delete(&task_id).await.unwrap();
}

/// An upload to the bucket is gone on with in another process.
async fn sinks(bucket: &Bucket) {
    const KEY: &str = "media/conformance/again.mp4";
    let made = async || bucket.sink(KEY, "video/mp4").await.unwrap();
    let read = async |_: &_| bucket.get(KEY).await.unwrap().map(|content| content.to_vec());
    conformance_of_sinks::an_upload_is_gone_on_with(&made().await, made, read).await;
}

/// The uploads that the bucket knows of.
struct Uploads {
    s3: aws_sdk_s3::Client,
    bucket: String,
}

impl Uploads {
    const FOLDER: &str = "media/conformance-uploads/";

    fn of(bed: &Bed) -> Self {
        let config = aws_sdk_s3::config::Builder::from(bed.stack.sdk())
            .force_path_style(true)
            .build();
        Self {
            s3: aws_sdk_s3::Client::from_conf(config),
            bucket: bed.stack.output("WorkBucket").unwrap().to_owned(),
        }
    }

    /// How many there are in the folder.
    async fn open(&self) -> usize {
        let listed = self.s3.list_multipart_uploads().bucket(&self.bucket);
        let listed = listed.prefix(Self::FOLDER).send().await.unwrap();
        let ours = listed.uploads().iter().filter_map(|upload| upload.key());
        ours.filter(|key| key.starts_with(Self::FOLDER)).count()
    }

    /// Waits until one was begun.
    async fn until_one_is_open(&self) {
        let deadline = Instant::now() + Duration::from_mins(1);
        while self.open().await == 0 {
            assert!(Instant::now() < deadline, "no upload was begun");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A fetch that fails while its parts go up aborts its upload; one that is killed leaves it to the sweep.
    async fn leave_nothing_behind(&self, bucket: &Bucket) {
        let fetcher = Fetcher::new(FetchConfig {
            limits: media::FetchLimits {
                attempts: 1,
                ..media::FetchLimits::default()
            },
            ..FetchConfig::loopback()
        })
        .unwrap();
        let (address, release) = half_a_file().await;
        let source = MediaSource::new(address);
        let sink = bucket
            .sink(&format!("{}failed.mp4", Self::FOLDER), "video/mp4")
            .await
            .unwrap();
        let (outcome, ()) = tokio::join!(fetch_progressive(&fetcher, &source, sink.as_ref()), async {
            self.until_one_is_open().await;
            release.notify_one();
        });
        let error = outcome.unwrap_err();
        assert_eq!(error.class(), media::Class::Retryable, "{error}");
        assert_eq!(self.open().await, 0, "the failed fetch has aborted its upload");

        let sink = bucket
            .sink(&format!("{}killed.mp4", Self::FOLDER), "video/mp4")
            .await
            .unwrap();
        tokio::select! {
            outcome = fetch_progressive(&fetcher, &source, sink.as_ref()) => panic!("{outcome:?}"),
            () = self.until_one_is_open() => {}
        }
        assert_eq!(self.open().await, 1);
        bucket.delete_all(Self::FOLDER).await.unwrap();
        assert_eq!(self.open().await, 0, "the sweep has aborted it");
    }
}

/// A server of three parts of a file that is announced with six; then it waits for the word, and hangs up.
async fn half_a_file() -> (String, std::sync::Arc<tokio::sync::Notify>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/half.mp4", listener.local_addr().unwrap());
    let release = std::sync::Arc::new(tokio::sync::Notify::new());
    let word = std::sync::Arc::clone(&release);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let word = std::sync::Arc::clone(&word);
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
                    6 * MIN_PART_BYTES
                );
                let half = vec![7; 3 * MIN_PART_BYTES];
                // The other side may hang up first.
                let _ = stream.write_all(head.as_bytes()).await;
                let _ = stream.write_all(&half).await;
                word.notified().await;
            });
        }
    });
    (address, release)
}

/// A table with the indexes of the template's.
async fn make_table(dynamo: &aws_sdk_dynamodb::Client, name: &str) {
    let types = HashMap::from([
        ("pk", ScalarAttributeType::S),
        ("due_kind", ScalarAttributeType::S),
        ("due_at_epoch_s", ScalarAttributeType::N),
        ("key_watch", ScalarAttributeType::S),
        ("key_expires_epoch_s", ScalarAttributeType::N),
        ("stage", ScalarAttributeType::S),
        ("created_epoch_s", ScalarAttributeType::N),
        ("deadline_watch", ScalarAttributeType::S),
        ("deadline_epoch_s", ScalarAttributeType::N),
        ("people_list", ScalarAttributeType::S),
        ("people_place", ScalarAttributeType::S),
    ]);
    let key = |name: &str, kind| {
        KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(kind)
            .build()
            .unwrap()
    };
    let index = |name: &str, hash: &str, range: &str, with: &[&str]| {
        let projection = if with.is_empty() {
            Projection::builder().projection_type(ProjectionType::KeysOnly)
        } else {
            let with = with.iter().map(|name| (*name).to_owned()).collect();
            Projection::builder()
                .projection_type(ProjectionType::Include)
                .set_non_key_attributes(Some(with))
        };
        GlobalSecondaryIndex::builder()
            .index_name(name)
            .key_schema(key(hash, KeyType::Hash))
            .key_schema(key(range, KeyType::Range))
            .projection(projection.build())
            .build()
            .unwrap()
    };
    let attributes = types.into_iter().map(|(name, kind)| {
        AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(kind)
            .build()
            .unwrap()
    });
    dynamo
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(attributes.collect()))
        .key_schema(key("pk", KeyType::Hash))
        .global_secondary_indexes(index("due", "due_kind", "due_at_epoch_s", &[]))
        .global_secondary_indexes(index("keys", "key_watch", "key_expires_epoch_s", &[]))
        .global_secondary_indexes(index("deadline", "deadline_watch", "deadline_epoch_s", &[]))
        .global_secondary_indexes(index(
            "stage",
            "stage",
            "created_epoch_s",
            &["task_id", "partner_id"],
        ))
        .global_secondary_indexes(index("people", "people_list", "people_place", &["people_order"]))
        .send()
        .await
        .unwrap();
}
