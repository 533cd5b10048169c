//! The app token in Secrets Manager: `{"id":"…","token":"…","hash_type":"SHA256"}`.

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use kaltura::AppToken;

use super::failed;
use crate::config::setting;
use crate::error::Result;
use crate::ports::AppTokenSource;

const SERVICE: &str = "secretsmanager";

/// The secret `arn`.
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
        let answer = self
            .client
            .get_secret_value()
            .secret_id(&self.arn)
            .send()
            .await
            .map_err(failed(SERVICE, "GetSecretValue"))?;
        // serde's own message can quote a value, so only the place is told.
        serde_json::from_str(answer.secret_string().unwrap_or_default()).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            setting(
                "APP_TOKEN_SECRET_ARN",
                &format!(
                    "the secret is not JSON with `id`, `token` and `hash_type` (line {line}, column {column})"
                ),
            )
        })
    }
}
