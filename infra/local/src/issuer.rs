//! The issuer of a run's logins: a small OpenID Connect provider on loopback, in the place of a Cognito user pool.
//!
//! A code with PKCE, `S256` only; tokens by RS256; four made-up people, whom one chooses on a plain page: there are no
//! passwords, since there is nobody to keep out. What it must not be taken for is an example of how to build one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use axum::extract::{Form, Query, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;

use crate::error::{LocalError, Result};

/// What the errors call it.
const NAME: &str = "the run's issuer";
/// The page's name at the issuer.
pub(crate) const CLIENT_ID: &str = "reach-people";
/// The name of the one key.
const KEY_ID: &str = "run";
/// How long a login lasts, where `REACH_LOCAL_LOGIN_S` says nothing.
const LOGIN_S: u64 = 3_600;

/// The people of a run: name at the issuer, name, groups.
const PEOPLE: [(&str, &str, &[&str]); 4] = [
    (
        "ana",
        "Ana",
        &["service.captions", "service.chaptering", "language.en"],
    ),
    (
        "ben",
        "Ben",
        &[
            "service.captions",
            "service.translation",
            "service.alignment",
            "language.en",
            "language.es",
        ],
    ),
    (
        "chloe",
        "Chloe",
        &[
            "service.dubbing",
            "service.audio-description",
            "service.extended-audio-description",
            "language.any",
        ],
    ),
    ("omar", "Omar", &["supervisor"]),
];

/// A code that was given out, until it is exchanged.
struct Given {
    person: usize,
    challenge: String,
    redirect_uri: String,
    nonce: Option<String>,
}

struct Shared {
    key: KeyPair,
    url: String,
    login_s: u64,
    codes: Mutex<HashMap<String, Given>>,
}

/// The running issuer. Dropped, it ends.
pub(crate) struct Issuer {
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Issuer {{ {} }}", self.shared.url)
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Issuer {
    /// Starts it at a free port, with a key of its own.
    pub(crate) async fn start() -> Result<Self> {
        let failed = |source| LocalError::Start {
            program: NAME.to_owned(),
            source,
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let key = KeyPair::generate(KeySize::Rsa2048).map_err(LocalError::aws("making the issuer's key"))?;
        let login_s = std::env::var("REACH_LOCAL_LOGIN_S").ok();
        let shared = Arc::new(Shared {
            key,
            url: format!("http://{address}"),
            login_s: login_s.and_then(|text| text.parse().ok()).unwrap_or(LOGIN_S),
            codes: Mutex::default(),
        });
        let routes = routes(Arc::clone(&shared));
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, routes).await;
        });
        Ok(Self { shared, serving })
    }

    /// Its address, which its tokens name.
    pub(crate) fn url(&self) -> &str {
        &self.shared.url
    }

    /// The template's parameters that name it.
    pub(crate) fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![
            ("PeopleIssuer", self.shared.url.clone()),
            ("PeopleClientId", CLIENT_ID.to_owned()),
        ]
    }

    /// A token of a person, as their browser would get it; `None` for nobody of this name.
    pub(crate) fn token(&self, person: &str) -> Option<String> {
        let person = PEOPLE.iter().position(|(id, ..)| *id == person)?;
        self.shared
            .token(person, "access", None, self.shared.login_s)
            .ok()
    }
}

fn now_epoch_s() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

impl Shared {
    /// A signed token.
    fn token(
        &self,
        person: usize,
        token_use: &str,
        nonce: Option<&str>,
        lasts_s: u64,
    ) -> std::result::Result<String, Failed> {
        let (id, name, groups) = PEOPLE.get(person).ok_or(Failed("invalid_grant"))?;
        // A clock that is a second behind must not refuse it.
        let now_epoch_s = now_epoch_s().saturating_sub(1);
        let mut claims = json!({
            "iss": self.url,
            "sub": id,
            "name": name,
            "cognito:groups": groups,
            "token_use": token_use,
            "iat": now_epoch_s,
            "exp": now_epoch_s + lasts_s,
        });
        // As Cognito has it: an access token names the client, an id token has it as its audience.
        claims[if token_use == "access" { "client_id" } else { "aud" }] = json!(CLIENT_ID);
        if let Some(nonce) = nonce {
            claims["nonce"] = json!(nonce);
        }
        let head = json!({ "alg": "RS256", "typ": "JWT", "kid": KEY_ID });
        let signed = format!("{}.{}", encoded(&head), encoded(&claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                signed.as_bytes(),
                &mut signature,
            )
            .map_err(|_| Failed("server_error"))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn tokens(&self, person: usize, nonce: Option<&str>) -> std::result::Result<Json<Value>, Failed> {
        Ok(Json(json!({
            "access_token": self.token(person, "access", None, self.login_s)?,
            "id_token": self.token(person, "id", nonce, self.login_s)?,
            "refresh_token": self.token(person, "refresh", None, 10 * 3_600)?,
            "token_type": "Bearer",
            "expires_in": self.login_s,
        })))
    }

    /// The modulus of the public key, which `PKCS #1` puts behind nine bytes of heads for a key of 2,048 bits.
    fn modulus(&self) -> &[u8] {
        self.key.public_key().as_ref().get(9..9 + 256).unwrap_or_default()
    }
}

/// What the token endpoint answers where it gives none.
#[derive(Debug)]
struct Failed(&'static str);

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, Json(json!({ "error": self.0 }))).into_response()
    }
}

type Anywhere = [(HeaderName, &'static str); 2];
/// The page comes from the emulator's address.
const ANYWHERE: Anywhere = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (header::CACHE_CONTROL, "no-store"),
];

fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/jwks.json", get(keys))
        .route("/authorize", get(choose))
        .route("/login", get(log_in))
        .route("/token", post(exchange))
        .with_state(shared)
}

async fn discovery(State(shared): State<Arc<Shared>>) -> (Anywhere, Json<Value>) {
    let url = &shared.url;
    let told = json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "jwks_uri": format!("{url}/jwks.json"),
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "profile"],
    });
    (ANYWHERE, Json(told))
}

async fn keys(State(shared): State<Arc<Shared>>) -> (Anywhere, Json<Value>) {
    let key = json!({
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": KEY_ID,
        "n": URL_SAFE_NO_PAD.encode(shared.modulus()),
        "e": "AQAB",
    });
    (ANYWHERE, Json(json!({ "keys": [key] })))
}

/// What the page asks the issuer for.
#[derive(Deserialize)]
struct Asked {
    client_id: String,
    redirect_uri: String,
    response_type: String,
    code_challenge: String,
    code_challenge_method: String,
    state: Option<String>,
    nonce: Option<String>,
    person: Option<String>,
}

impl Asked {
    /// Whether it may be answered at all. A run's page is on loopback.
    fn check(&self) -> std::result::Result<(), (StatusCode, &'static str)> {
        let is_ours = self.client_id == CLIENT_ID
            && self.redirect_uri.starts_with("http://127.0.0.1:")
            && self.response_type == "code"
            && self.code_challenge_method == "S256"
            && self.code_challenge.len() == 43;
        if is_ours {
            Ok(())
        } else {
            Err((
                StatusCode::BAD_REQUEST,
                "this is no request of the page for a code with PKCE",
            ))
        }
    }
}

/// The page where one says who one is.
async fn choose(Query(asked): Query<Asked>, request: axum::extract::RawQuery) -> Response {
    if let Err(refused) = asked.check() {
        return refused.into_response();
    }
    // What comes from outside goes into the page as it was encoded, and what could end an attribute is encoded once more.
    let query = request.0.unwrap_or_default();
    let query = query
        .replace('&', "&amp;")
        .replace('"', "%22")
        .replace('<', "%3C")
        .replace('>', "%3E");
    let people = PEOPLE.iter().map(|(id, name, groups)| {
        let groups = groups.join(", ");
        format!("<li><a id=\"{id}\" href=\"login?{query}&amp;person={id}\">{name}</a> ({groups})</li>")
    });
    let people: String = people.collect();
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Log in</title><main><h1>Who are you?</h1>\
         <ul>{people}</ul></main></html>"
    ))
    .into_response()
}

async fn log_in(State(shared): State<Arc<Shared>>, Query(asked): Query<Asked>) -> Response {
    if let Err(refused) = asked.check() {
        return refused.into_response();
    }
    let person = asked.person.as_deref();
    let Some(person) = PEOPLE.iter().position(|(id, ..)| person == Some(*id)) else {
        return (StatusCode::BAD_REQUEST, "there is nobody of this name").into_response();
    };
    let mut random = [0; 24];
    if aws_lc_rs::rand::fill(&mut random).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let code = URL_SAFE_NO_PAD.encode(random);
    let Ok(mut back) = url::Url::parse(&asked.redirect_uri) else {
        return (StatusCode::BAD_REQUEST, "redirect_uri is no address").into_response();
    };
    back.query_pairs_mut().append_pair("code", &code);
    if let Some(state) = &asked.state {
        back.query_pairs_mut().append_pair("state", state);
    }
    let given = Given {
        person,
        challenge: asked.code_challenge,
        redirect_uri: asked.redirect_uri,
        nonce: asked.nonce,
    };
    let mut codes = shared.codes.lock().unwrap_or_else(PoisonError::into_inner);
    codes.insert(code, given);
    Redirect::to(back.as_str()).into_response()
}

#[derive(Deserialize)]
struct Exchange {
    grant_type: String,
    client_id: Option<String>,
    code: Option<String>,
    code_verifier: Option<String>,
    redirect_uri: Option<String>,
    refresh_token: Option<String>,
}

async fn exchange(State(shared): State<Arc<Shared>>, Form(exchange): Form<Exchange>) -> Response {
    (ANYWHERE, exchanged(&shared, &exchange)).into_response()
}

fn exchanged(shared: &Shared, exchange: &Exchange) -> std::result::Result<Json<Value>, Failed> {
    if exchange.client_id.as_deref() != Some(CLIENT_ID) {
        return Err(Failed("invalid_client"));
    }
    let refused = Failed("invalid_grant");
    match exchange.grant_type.as_str() {
        "authorization_code" => {
            let code = exchange.code.as_deref().unwrap_or_default();
            // A code is good once, whatever comes of it.
            let mut codes = shared.codes.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(given) = codes.remove(code) else {
                return Err(refused);
            };
            let verifier = exchange.code_verifier.as_deref().unwrap_or_default();
            let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
            if challenge != given.challenge || exchange.redirect_uri.as_ref() != Some(&given.redirect_uri) {
                return Err(refused);
            }
            shared.tokens(given.person, given.nonce.as_deref())
        }
        "refresh_token" => {
            let token = exchange.refresh_token.as_deref().unwrap_or_default();
            let person = (0..PEOPLE.len()).find(|person| {
                let claims = claims_of(token);
                claims["sub"] == PEOPLE[*person].0
                    && claims["token_use"] == "refresh"
                    && claims["exp"].as_u64().is_some_and(|exp| exp > now_epoch_s())
            });
            shared.tokens(person.filter(|_| is_ours(shared, token)).ok_or(refused)?, None)
        }
        _ => Err(Failed("unsupported_grant_type")),
    }
}

fn claims_of(token: &str) -> Value {
    let claims = token.split('.').nth(1).unwrap_or_default();
    let claims = URL_SAFE_NO_PAD.decode(claims).unwrap_or_default();
    serde_json::from_slice(&claims).unwrap_or_default()
}

fn is_ours(shared: &Shared, token: &str) -> bool {
    use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    let Some((signed, signature)) = token.rsplit_once('.') else {
        return false;
    };
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, shared.key.public_key().as_ref());
    URL_SAFE_NO_PAD
        .decode(signature)
        .is_ok_and(|signature| key.verify(signed.as_bytes(), &signature).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_code_is_exchanged_once_and_only_by_who_asked_for_it() {
        let issuer = Issuer::start().await.unwrap();
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let verifier = "v".repeat(43);
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
        let page = "http://127.0.0.1:1/page/";
        let ask = format!(
            "{}/login?client_id={CLIENT_ID}&redirect_uri={page}&response_type=code&state=s1&code_challenge={challenge}\
             &code_challenge_method=S256&person=ana",
            issuer.url()
        );
        let code = async || {
            let answer = client.get(&ask).send().await.unwrap();
            let location = answer.headers()["location"].to_str().unwrap().to_owned();
            let back = url::Url::parse(&location).unwrap();
            assert!(
                location.starts_with(page) && location.contains("state=s1"),
                "{location}"
            );
            back.query_pairs()
                .find(|(name, _)| name == "code")
                .unwrap()
                .1
                .into_owned()
        };
        let exchange = async |code: &str, verifier: &str| {
            let form = [
                ("grant_type", "authorization_code"),
                ("client_id", CLIENT_ID),
                ("code", code),
                ("code_verifier", verifier),
                ("redirect_uri", page),
            ];
            let body = form.map(|(name, value)| format!("{name}={value}")).join("&");
            let answer = client
                .post(format!("{}/token", issuer.url()))
                .header("content-type", "application/x-www-form-urlencoded")
                .body(body)
                .send()
                .await
                .unwrap();
            let status = answer.status().as_u16();
            (status, answer.json::<Value>().await.unwrap())
        };
        let good = code().await;
        let (status, tokens) = exchange(&good, &verifier).await;
        assert_eq!(status, 200, "{tokens}");
        let claims = claims_of(tokens["access_token"].as_str().unwrap());
        assert_eq!(
            (&claims["sub"], &claims["iss"]),
            (&json!("ana"), &json!(issuer.url()))
        );
        assert!(is_ours(&issuer.shared, tokens["access_token"].as_str().unwrap()));
        assert_eq!(exchange(&good, &verifier).await.0, 400, "a second time");
        assert_eq!(
            exchange(&code().await, &"w".repeat(43)).await.0,
            400,
            "another verifier"
        );
    }

    #[tokio::test]
    async fn a_token_is_verified_by_the_published_key() {
        use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
        let issuer = Issuer::start().await.unwrap();
        let keys: Value = reqwest::get(format!("{}/jwks.json", issuer.url()))
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let part = |name: &str| {
            URL_SAFE_NO_PAD
                .decode(keys["keys"][0][name].as_str().unwrap())
                .unwrap()
        };
        let key = RsaPublicKeyComponents {
            n: part("n"),
            e: part("e"),
        };
        let token = issuer.token("omar").unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        key.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature)
            .unwrap();
        assert!(issuer.token("nobody").is_none());
    }
}
