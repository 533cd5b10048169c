//! Kaltura as the client of the vendor's caption websocket.

use super::Live;
use super::report::SessionReport;
use super::spec::{ConnectionSpec, TokenPlace};
use crate::ids::TaskId;
use crate::world::Shared;
use futures::{SinkExt as _, StreamExt as _};
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Request};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause before the next try.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// Where captions are listened for.
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) caption_url: String,
    pub(super) caption_token: String,
    pub(super) account_token: Option<String>,
}

impl Address {
    /// The opening request. `None` where the address or a token can't be one.
    fn request(&self, place: TokenPlace) -> Option<Request<()>> {
        let mut url = url::Url::parse(&self.caption_url).ok()?;
        let others: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(name, _)| name != "token")
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        let had_token = url.query_pairs().count() > others.len();
        if place != TokenPlace::Address || !had_token {
            let mut pairs = url.query_pairs_mut();
            pairs.clear().extend_pairs(others);
            if place == TokenPlace::Address {
                pairs.append_pair("token", &self.caption_token);
            }
        }
        let mut request = url.as_str().into_client_request().ok()?;
        let bearer = match place {
            TokenPlace::Bearer => Some(&self.caption_token),
            _ => self.account_token.as_ref(),
        };
        let headers = request.headers_mut();
        if let Some(token) = bearer {
            let value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
            headers.insert("authorization", value);
        }
        if place == TokenPlace::Header {
            headers.insert(
                "x-caption-token",
                HeaderValue::from_str(&self.caption_token).ok()?,
            );
        }
        Some(request)
    }

    /// The same with a token that is wrong in its last character.
    fn with_wrong_token(&self) -> Self {
        let mut wrong = self.caption_token.clone();
        let last = wrong.pop().unwrap_or('x');
        wrong.push(if last == 'a' { 'b' } else { 'a' });
        Self {
            caption_token: wrong,
            ..self.clone()
        }
    }
}

/// Tries a wrong token: the HTTP status that came of it, 101 where it was let in; `None`: no answer.
pub(super) async fn try_wrong_token(address: &Address) -> Option<u16> {
    match open(&address.with_wrong_token(), TokenPlace::Header).await {
        Ok(_) => Some(101),
        Err(status) => status,
    }
}

async fn open(address: &Address, place: TokenPlace) -> Result<Socket, Option<u16>> {
    let request = address.request(place).ok_or(None)?;
    match timeout(CONNECT_TIMEOUT, connect_async(request)).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(Error::Http(answer))) => Err(Some(answer.status().as_u16())),
        _ => Err(None),
    }
}

/// Listens until the end of the stream was told and the server has closed, or until `until`. Connects again whenever the
/// connection is gone before that.
pub(super) async fn listen(
    shared: &Shared,
    task_id: &TaskId,
    index: usize,
    spec: &ConnectionSpec,
    address: &Address,
    begun: Instant,
    until: Instant,
) {
    let mut drops = spec.drops.iter();
    let mut next_drop = drops.next();
    while Instant::now() < until {
        let tried_ms = shared.clock.now_ms();
        let opened = open(address, spec.token).await;
        Live::with(shared, task_id, |live| {
            if !live.report.connections[index].sessions.is_empty() {
                live.checkers[index].comes_back();
            }
            live.report.connections[index].sessions.push(SessionReport {
                tried_ms,
                http_status: opened.as_ref().map_or_else(|status| *status, |_| Some(101)),
                ..SessionReport::default()
            });
        });
        let Ok(mut socket) = opened else {
            tokio::time::sleep(AGAIN_AFTER).await;
            continue;
        };
        let drop_at = next_drop.map(|drop| begun + Duration::from_millis(drop.at_ms));
        let over = hear(shared, task_id, index, spec, &mut socket, drop_at, until).await;
        // Dropped without a word where we break off: the server finds out by itself.
        drop(socket);
        let now_ms = shared.clock.now_ms();
        let ended = Live::with(shared, task_id, |live| {
            if let Some(session) = live.report.connections[index].sessions.last_mut() {
                session.ended_ms = Some(now_ms);
                session.close_code = if let Over::ByServer(code) = over {
                    code
                } else {
                    None
                };
            }
            live.checkers[index].ended
        });
        match (over, next_drop) {
            (Over::Dropped, Some(drop)) => {
                tokio::time::sleep(Duration::from_millis(drop.for_ms)).await;
                next_drop = drops.next();
            }
            _ if ended == Some(true) => return,
            _ => tokio::time::sleep(AGAIN_AFTER).await,
        }
    }
}

/// How a session ended.
#[derive(Debug, Clone, Copy)]
enum Over {
    ByServer(Option<u16>),
    Dropped,
    TimeIsUp,
}

async fn hear(
    shared: &Shared,
    task_id: &TaskId,
    index: usize,
    spec: &ConnectionSpec,
    socket: &mut Socket,
    drop_at: Option<Instant>,
    until: Instant,
) -> Over {
    let mut pings = tokio::time::interval(Duration::from_millis(spec.pings_every_ms.max(1)));
    let is_talkative = spec.pings_every_ms > 0;
    if is_talkative {
        // A server takes what it doesn't know; whether it does shows by what comes after.
        let _ = socket
            .send(Message::text(r#"{"event":"HELLO","from":"kaltura"}"#))
            .await;
    }
    let stop_at = drop_at.map_or(until, |drop_at| drop_at.min(until));
    loop {
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    let now_ms = shared.clock.now_ms();
                    let is_end = Live::with(shared, task_id, |live| live.take(index, now_ms, text.as_str()));
                    if is_end == Some(true) && is_talkative {
                        let _ = socket.send(Message::text(r#"{"event":"EOS"}"#)).await;
                    }
                    tokio::time::sleep(Duration::from_millis(spec.sleeps_ms)).await;
                }
                Some(Ok(Message::Close(frame))) => return Over::ByServer(frame.map(|frame| frame.code.into())),
                Some(Ok(Message::Binary(_))) => {
                    Live::with(shared, task_id, |live| live.find(index, "a binary message"));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Over::ByServer(None),
            },
            _ = pings.tick(), if is_talkative => {
                let _ = socket.send(Message::Ping(Vec::new().into())).await;
            }
            () = sleep_until(stop_at) => {
                return if stop_at < until { Over::Dropped } else { Over::TimeIsUp };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(url: &str) -> Address {
        Address {
            caption_url: url.to_owned(),
            caption_token: "t0".to_owned(),
            account_token: Some("acc".to_owned()),
        }
    }

    #[test]
    fn the_token_travels_one_way_only() {
        let shown = |url: &str, place| {
            let request = address(url).request(place).expect("a request");
            let header = |name: &str| {
                let value = request.headers().get(name);
                value
                    .and_then(|value| value.to_str().ok())
                    .unwrap_or("-")
                    .to_owned()
            };
            format!(
                "{} {} {}",
                request.uri(),
                header("authorization"),
                header("x-caption-token")
            )
        };
        let filled = "ws://h/live?stream=7&token=t0";
        assert_eq!(
            shown(filled, TokenPlace::Address),
            "ws://h/live?stream=7&token=t0 Bearer acc -"
        );
        assert_eq!(
            shown("ws://h/live?stream=7", TokenPlace::Address),
            "ws://h/live?stream=7&token=t0 Bearer acc -"
        );
        assert_eq!(
            shown(filled, TokenPlace::Header),
            "ws://h/live?stream=7 Bearer acc t0"
        );
        assert_eq!(
            shown(filled, TokenPlace::Bearer),
            "ws://h/live?stream=7 Bearer t0 -"
        );
    }

    #[test]
    fn a_wrong_token_is_wrong() {
        for token in ["a", "0", ""] {
            let mut address = address("ws://h/");
            token.clone_into(&mut address.caption_token);
            assert_ne!(address.with_wrong_token().caption_token, token);
        }
    }
}
