//! The bucket of the tests: in memory, and served as S3 would serve it.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::extract::{Path as UrlPath, RawQuery, State};
use axum::http::{HeaderMap, Method, StatusCode};
use bytes::Bytes;
use media::PartSink;
use pipeline::Result;
use pipeline::memory::MemoryObjects;
use pipeline::ports::{Deleted, LinkMethod, ObjectLinks, ObjectStore, PresignedUrl, SignedGet};

/// The header value that the bucket asks for.
const GOOD: &str = "signed";

/// The bucket in memory, served over HTTP as S3 would: nothing without the header that was signed.
#[derive(Clone)]
pub struct ServedBucket {
    objects: MemoryObjects,
    url: String,
    /// What the next GETs are signed with: anything but `signed` is refused with 403.
    pub signature: Arc<Mutex<String>>,
}

impl ServedBucket {
    /// The objects themselves, without the server.
    pub fn objects(&self) -> &MemoryObjects {
        &self.objects
    }

    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let objects = MemoryObjects::default();
        let app = Router::new()
            .route("/{*key}", axum::routing::any(serve))
            .with_state(objects.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self {
            objects,
            url,
            signature: Arc::new(Mutex::new(GOOD.into())),
        }
    }
}

async fn serve(
    State(objects): State<MemoryObjects>,
    UrlPath(key): UrlPath<String>,
    RawQuery(query): RawQuery,
    method: Method,
    headers: HeaderMap,
) -> (StatusCode, Bytes) {
    let by_header = headers.get("authorization").is_some_and(|value| value == GOOD);
    let by_query = query.is_some_and(|query| {
        query.starts_with("X-Amz-Method=GET&") && query.ends_with(&format!("X-Amz-Signature={GOOD}"))
    });
    if method != Method::GET || !(by_header || by_query) {
        return (StatusCode::FORBIDDEN, Bytes::new());
    }
    match objects.get(&key).await.unwrap() {
        Some(content) => (StatusCode::OK, content),
        None => (StatusCode::NOT_FOUND, Bytes::new()),
    }
}

#[async_trait]
impl ObjectStore for ServedBucket {
    async fn put(&self, key: &str, content: Bytes, content_type: &str) -> Result<()> {
        self.objects.put(key, content, content_type).await
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        self.objects.get(key).await
    }

    async fn sink(&self, key: &str, content_type: &str) -> Result<Box<dyn PartSink>> {
        self.objects.sink(key, content_type).await
    }

    async fn download(&self, key: &str, to: &std::path::Path) -> Result<u64> {
        self.objects.download(key, to).await
    }

    async fn delete_all(&self, prefix: &str) -> Result<Deleted> {
        self.objects.delete_all(prefix).await
    }

    async fn upload(&self, key: &str, from: &std::path::Path, content_type: &str) -> Result<u64> {
        self.objects.upload(key, from, content_type).await
    }
}

#[async_trait]
impl ObjectLinks for ServedBucket {
    fn bucket(&self) -> &str {
        self.objects.bucket()
    }

    async fn sign_get(&self, key: &str, _now_epoch_s: u64) -> Result<SignedGet> {
        let signature = self.signature.lock().unwrap().clone();
        Ok(SignedGet {
            url: format!("{}/{key}", self.url),
            header_lines: vec![format!("Authorization: {signature}")],
        })
    }

    async fn presign(
        &self,
        method: LinkMethod,
        key: &str,
        _now_epoch_s: u64,
        _ttl_s: u64,
    ) -> Result<PresignedUrl> {
        let signature = self.signature.lock().unwrap().clone();
        // As long as those of S3: Kaltura makes the file's extension from what follows the last dot of a shorter one.
        let padding = "0".repeat(260);
        Ok(PresignedUrl::new(format!(
            "{}/{key}?X-Amz-Method={}&X-Amz-Credential={padding}&X-Amz-Signature={signature}",
            self.url,
            method.name()
        )))
    }
}
