//! The client's way to a stand-in in the same process.

use std::sync::Arc;

use axum::http::{Request as HttpRequest, header};
use kaltura::transport::{Answer, Exchange, Fault, Request, Transport};
use kaltura_sim::SimHandle;

/// Requests to the stand-in, without a socket.
#[derive(Debug, Clone)]
pub struct InProcess(pub Arc<SimHandle>);

impl InProcess {
    async fn exchange(&self, request: Request) -> Result<Answer, Fault> {
        let (content_type, body) = request.body.encoded();
        let http = HttpRequest::post(request.url)
            .header(header::CONTENT_TYPE, content_type)
            .body(body)
            .unwrap();
        match tokio::time::timeout(request.time_out, self.0.exchange(http)).await {
            Ok(Some(answer)) => {
                let (head, body) = answer.into_parts();
                let status = head.status.as_u16();
                Ok(Answer { status, body })
            }
            Ok(None) => Err(Fault::Broken("closed by a fault".to_owned())),
            Err(_) => Err(Fault::TimedOut),
        }
    }
}

impl Transport for InProcess {
    fn post(&self, request: Request) -> Exchange<'_> {
        Box::pin(self.exchange(request))
    }
}
