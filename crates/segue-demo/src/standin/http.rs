//! The one place that awaits: HTTP in, HTTP out.

use super::Server;
use super::request::Request;
use super::shapes::Reply;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode, request::Parts};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use futures::{StreamExt, stream};
use segue_diag::{Error, Kind, Result};
use std::future::Future;
use std::io;
use std::sync::Arc;
use tokio::net::TcpListener;

/// A request with a longer body is refused.
const LONGEST_BODY: usize = 64 * 1024;

/// Answers until `until` comes true; answers under way are finished.
pub(super) async fn serve(
    listener: TcpListener,
    server: Arc<Server>,
    until: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let app = Router::new().fallback(handle).with_state(server);
    // Without this a small answer waits for the client's delayed acknowledgement, 40 ms.
    let listener = listener.tap_io(|io| {
        if let Err(error) = io.set_nodelay(true) {
            tracing::debug!(%error, "cannot turn off Nagle's algorithm");
        }
    });
    let failed = |e| Error::new(Kind::Unavailable, "the stand-in for Spotify stopped serving").caused_by(e);
    axum::serve(listener, app)
        .with_graceful_shutdown(until)
        .await
        .map_err(failed)
}

async fn handle(State(server): State<Arc<Server>>, parts: Parts, body: Body) -> Response {
    let Ok(body) = axum::body::to_bytes(body, LONGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let request = Request {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        authorization: parts.headers.get(AUTHORIZATION).map(|v| v.to_str().unwrap_or_default()),
        body: &body,
    };
    let reply = server.answer(&request);
    if !reply.delay.is_zero() {
        tokio::time::sleep(reply.delay).await;
    }
    response(reply)
}

fn response(reply: Reply) -> Response {
    let length = reply.body.len();
    let body = match reply.cut {
        true => cut(reply.body),
        false => Body::from(reply.body),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    if let Some(value) = reply.retry_after.and_then(|text| HeaderValue::from_str(&text).ok()) {
        headers.insert(RETRY_AFTER, value);
    }
    response
}

/// Half of the body, and then the end of the connection.
fn cut(body: Bytes) -> Body {
    let half = body.slice(..body.len() / 2);
    let end = stream::once(async {
        // The half is sent before the connection ends, or the client would see no answer at all.
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    });
    Body::from_stream(stream::iter([Ok(half)]).chain(end))
}
