//! The one place that awaits: HTTP in, HTTP out.

use super::Server;
use super::reply::Reply;
use super::request::Request;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, RETRY_AFTER, USER_AGENT};
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
    let title = server.options.service.title();
    let app = Router::new().fallback(handle).with_state(server);
    // Without this a small answer waits for the client's delayed acknowledgement, 40 ms.
    let listener = listener.tap_io(|io| {
        if let Err(error) = io.set_nodelay(true) {
            tracing::debug!(%error, "cannot turn off Nagle's algorithm");
        }
    });
    let failed = |e| Error::new(Kind::Unavailable, format!("the stand-in for {title} stopped serving")).caused_by(e);
    axum::serve(listener, app)
        .with_graceful_shutdown(until)
        .await
        .map_err(failed)
}

async fn handle(State(server): State<Arc<Server>>, parts: Parts, body: Body) -> Response {
    let Ok(body) = axum::body::to_bytes(body, LONGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let header = |name: HeaderName| parts.headers.get(name).map(|v| v.to_str().unwrap_or_default());
    let request = Request {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        authorization: header(AUTHORIZATION),
        user_agent: header(USER_AGENT),
        accept: header(ACCEPT),
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
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
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
