//! The connections of the WebSocket API, by its management API (`@connections`).

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_apigatewaymanagement::Client;
use aws_sdk_apigatewaymanagement::config::Builder;
use aws_sdk_apigatewaymanagement::error::SdkError;
use aws_sdk_apigatewaymanagement::primitives::Blob;

use super::failed;
use crate::error::Result;
use crate::live::ConnectionId;
use crate::ports::{Sent, Sockets};

const SERVICE: &str = "apigatewaymanagement";

/// The connections of one stage of one API.
#[derive(Debug, Clone)]
pub struct Connections {
    client: Client,
}

impl Connections {
    /// Those of the API and stage at `url`: `https://<api>.execute-api.<region>.amazonaws.com/<stage>`.
    pub fn new(sdk: &SdkConfig, url: &str) -> Self {
        let config = Builder::from(sdk).endpoint_url(url.trim_end_matches('/')).build();
        Self {
            client: Client::from_conf(config),
        }
    }
}

#[async_trait]
impl Sockets for Connections {
    async fn send(&self, connection: &ConnectionId, text: &str) -> Result<Sent> {
        let outcome = self
            .client
            .post_to_connection()
            .connection_id(connection.as_str())
            .data(Blob::new(text.as_bytes()))
            .send()
            .await;
        match outcome {
            Ok(_) => Ok(Sent::Sent),
            Err(SdkError::ServiceError(error)) if error.err().is_gone_exception() => Ok(Sent::Gone),
            Err(error) => Err(failed(SERVICE, "PostToConnection")(error)),
        }
    }

    async fn is_open(&self, connection: &ConnectionId) -> Result<bool> {
        let outcome = self
            .client
            .get_connection()
            .connection_id(connection.as_str())
            .send()
            .await;
        match outcome {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(error)) if error.err().is_gone_exception() => Ok(false),
            Err(error) => Err(failed(SERVICE, "GetConnection")(error)),
        }
    }

    async fn close(&self, connection: &ConnectionId) -> Result<()> {
        let outcome = self
            .client
            .delete_connection()
            .connection_id(connection.as_str())
            .send()
            .await;
        match outcome {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(error)) if error.err().is_gone_exception() => Ok(()),
            Err(error) => Err(failed(SERVICE, "DeleteConnection")(error)),
        }
    }
}
