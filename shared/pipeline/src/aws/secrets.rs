//! Secrets in Secrets Manager: a JSON object each. The app token is `{"id":"…","token":"…","hash_type":"SHA256"}`, the
//! stack's own are `{"secret":"…"}`.

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use kaltura::AppToken;
use serde::de::DeserializeOwned;

use super::failed;
use crate::config::setting;
use crate::error::Result;
use crate::ports::AppTokenSource;

const SERVICE: &str = "secretsmanager";

/// The secret `arn`, read as JSON. `name` is the setting that names it and `expected` what it should hold, both for the
/// error; no error repeats anything of the value.
pub async fn read_json<T: DeserializeOwned>(
    client: &Client,
    arn: &str,
    name: &str,
    expected: &str,
) -> Result<T> {
    let answer = client
        .get_secret_value()
        .secret_id(arn)
        .send()
        .await
        .map_err(failed(SERVICE, "GetSecretValue"))?;
    // serde's own message can quote a value, so only the place is told.
    serde_json::from_str(answer.secret_string().unwrap_or_default()).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        setting(
            name,
            &format!("the secret is not JSON with {expected} (line {line}, column {column})"),
        )
    })
}

/// The value of a secret of the stack's own, `{"secret":"…"}`; `name` is the setting that names it.
pub async fn read_own(client: &Client, arn: &str, name: &str) -> Result<String> {
    #[derive(serde::Deserialize)]
    struct Own {
        secret: String,
    }
    let own: Own = read_json(client, arn, name, "`secret`").await?;
    Ok(own.secret)
}

/// The secret `arn` with the app token.
#[derive(Debug, Clone)]
pub struct AppTokenSecret {
    client: Client,
    arn: String,
}

impl AppTokenSecret {
    /// The secret `arn`.
    pub fn new(client: Client, arn: impl Into<String>) -> Self {
        Self {
            client,
            arn: arn.into(),
        }
    }
}

#[async_trait]
impl AppTokenSource for AppTokenSecret {
    async fn app_token(&self) -> Result<AppToken> {
        let expected = "`id`, `token` and `hash_type`";
        read_json(&self.client, &self.arn, "APP_TOKEN_SECRET_ARN", expected).await
    }
}
