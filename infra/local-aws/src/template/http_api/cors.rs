//! `CorsConfiguration`: which pages of other sites may ask.

use super::{Fault, Properties};
use crate::gateway::Cors;

/// Reads an API's configuration, with what API Gateway refuses.
pub(super) fn read(properties: Properties<'_>) -> Result<Cors, Fault> {
    let cors = Cors {
        origins: properties.texts("AllowOrigins")?,
        methods: properties.texts("AllowMethods")?,
        headers: properties.texts("AllowHeaders")?,
        exposed: properties.texts("ExposeHeaders")?,
        // A day, at most (API reference, "Cors").
        max_age: properties.number("MaxAge", -1, 86_400)?,
        credentials: properties.boolean("AllowCredentials")? == Some(true),
    };
    let odd = cors.origins.iter().find(|origin| {
        let host = origin.split_once("://").map(|(_, host)| host);
        *origin != "*" && host.is_none_or(|host| host.is_empty() || host.contains(['/', ' ']))
    });
    if let Some(odd) = odd {
        return Err(properties.fault(
            "AllowOrigins",
            format!(
                "must be origins such as https://shop.example.com, https://* or *, not `{odd}`"
            ),
        ));
    }
    if cors.credentials && cors.origins.iter().any(|origin| origin == "*") {
        return Err(properties.fault("AllowCredentials", "can't be true where the origin is *"));
    }
    properties.finish()?;
    Ok(cors)
}
