//! The page: its files, and the policy under which a browser shows them.

use std::sync::Arc;

use aws_lambda_events::http::header;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pipeline::config::Env;
use pipeline::ports::ObjectStore;
use pipeline::{Result, StepError};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::answer::{Answer, problem};

/// What the page's `index.html` has where a nonce belongs.
const NONCE_MARK: &str = "__CSP_NONCE__";

/// What the page must know.
#[derive(Debug, Clone)]
pub struct PageSettings {
    /// The issuer of tokens.
    pub issuer: String,
    /// The page's name at the issuer.
    pub client_id: String,
    /// The origins that the page talks to beside its own: the issuer's, and that of the bucket's objects.
    pub origins: Vec<String>,
}

fn origin(name: &str, url: &str) -> Result<String> {
    let parsed = Url::parse(url).map_err(|error| StepError::Setting {
        name: name.to_owned(),
        detail: format!("has `{url}`, expected an address ({error})"),
    })?;
    Ok(parsed.origin().ascii_serialization())
}

impl PageSettings {
    /// By `PEOPLE_ISSUER`, `PEOPLE_CLIENT_ID` and `PEOPLE_ORIGINS`, addresses separated by blanks.
    pub fn from_env(env: &Env) -> Result<Self> {
        let issuer = env.required("PEOPLE_ISSUER")?;
        let mut origins = vec![origin("PEOPLE_ISSUER", &issuer)?];
        for url in env
            .optional("PEOPLE_ORIGINS")
            .unwrap_or_default()
            .split_whitespace()
        {
            let origin = origin("PEOPLE_ORIGINS", url)?;
            if !origins.contains(&origin) {
                origins.push(origin);
            }
        }
        Ok(Self {
            issuer,
            client_id: env.required("PEOPLE_CLIENT_ID")?,
            origins,
        })
    }
}

/// The page.
pub struct Page {
    files: Arc<dyn ObjectStore>,
    settings: PageSettings,
}

impl Page {
    /// The page whose files are there.
    pub fn new(files: Arc<dyn ObjectStore>, settings: PageSettings) -> Self {
        Self { files, settings }
    }

    /// What it must know before a login.
    pub fn config(&self) -> Answer {
        Answer::json(
            200,
            &json!({
                "issuer": self.settings.issuer,
                "client_id": self.settings.client_id,
                "api_base": "api/",
            }),
        )
    }

    async fn file(&self, name: &str) -> std::result::Result<Vec<u8>, Answer> {
        match self.files.get(&format!("page/{name}")).await {
            Ok(Some(content)) => Ok(content.to_vec()),
            Ok(None) => Err(problem(404, "NotFound", "the page has no such file")),
            Err(error) => {
                tracing::error!(name, %error, "a file of the page can't be read");
                Err(problem(503, "NotNow", "the page can't be read now, try again"))
            }
        }
    }

    /// `index.html`, with a nonce of its own.
    pub async fn index(&self) -> Answer {
        let html = match self.file("index.html").await {
            Ok(html) => String::from_utf8_lossy(&html).into_owned(),
            Err(answer) => return answer,
        };
        let nonce = match nonce() {
            Ok(nonce) => nonce,
            Err(error) => {
                tracing::error!(%error, "no nonce");
                return problem(503, "NotNow", "the page can't be shown now, try again");
            }
        };
        let html = html.replace(NONCE_MARK, &nonce);
        Answer::of(200, "text/html; charset=utf-8", html.into_bytes())
            .with(header::CACHE_CONTROL, "no-cache")
            .with(header::REFERRER_POLICY, "no-referrer")
            .with(header::CONTENT_SECURITY_POLICY, &self.policy(&nonce))
            .with(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000")
    }

    /// Nothing from anywhere but here, but for calls to the issuer and the bucket, and the media.
    fn policy(&self, nonce: &str) -> String {
        let origins = self.settings.origins.join(" ");
        [
            "default-src 'none'",
            &format!("script-src 'self' 'nonce-{nonce}'"),
            &format!("style-src 'self' 'nonce-{nonce}'"),
            "img-src 'self' data:",
            "font-src 'self'",
            &format!("connect-src 'self' {origins}"),
            &format!("media-src 'self' blob: {origins}"),
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        ]
        .join("; ")
    }

    /// A file whose name has a hash.
    pub async fn asset(&self, name: &str) -> Answer {
        let is_plain = !name.is_empty()
            && name.len() <= 200
            && !name.starts_with(['.', '-'])
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if !is_plain {
            return problem(404, "NotFound", "the page has no such file");
        }
        match self.file(&format!("assets/{name}")).await {
            Ok(content) => Answer::of(200, content_type(name), content)
                .with(header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
            Err(answer) => answer,
        }
    }
}

fn nonce() -> std::io::Result<String> {
    use std::io::Read as _;
    let mut random = [0_u8; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut random)?;
    Ok(URL_SAFE_NO_PAD.encode(&Sha256::digest(random)[..18]))
}

/// By the name's ending; what is unknown is nothing that a browser runs.
fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        Some("json" | "map") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
