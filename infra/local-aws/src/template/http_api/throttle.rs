//! How many requests each route takes: `DefaultRouteSettings`, and `RouteSettings`
//! by route key.

use super::{Fault, Properties, Scope};
use crate::{
    route::Limit,
    template::physical::{self, Resource},
};

/// Checks what a stage says of its routes. `RouteSettings` of a route that isn't
/// there yet are refused by API Gateway (\"Unable to find Route by key\"), so the
/// stage has to wait for it.
pub(super) fn check(
    scope: &Scope<'_>,
    stage: &Properties<'_>,
    resource: &Resource,
) -> Result<(), Fault> {
    settings(stage, "DefaultRouteSettings")?;
    let Some(routes) = stage.section("RouteSettings")? else { return Ok(()) };
    for key in routes.names() {
        settings(&routes, &key)?;
        let waited = resource.depends_on.iter().any(|id| {
            let route = scope.resource(id).filter(|found| found.kind == physical::ROUTE);
            route.is_some_and(|route| own_key(scope, id, route).is_ok_and(|own| own == key))
        });
        if !waited {
            return Err(routes.fault(
                &key,
                "must be the key of a route that the stage depends on, or API Gateway does not know it yet",
            ));
        }
    }
    routes.finish()
}

/// How many requests the route with this key takes: each limit as it is written
/// for the route, or for all.
pub(super) fn for_route(scope: &Scope<'_>, key: &str) -> Result<Limit, Fault> {
    let stage = scope.resources().find(|(_, resource)| resource.kind == physical::STAGE);
    let Some((id, stage)) = stage else { return Ok(Limit::default()) };
    let stage = Properties::for_resource(scope, id, stage)?;
    let default = settings(&stage, "DefaultRouteSettings")?;
    let own = match stage.section("RouteSettings")? {
        Some(routes) => settings(&routes, key)?,
        None => Limit::default(),
    };
    Ok(Limit { rate: own.rate.or(default.rate), burst: own.burst.or(default.burst) })
}

fn settings(of: &Properties<'_>, name: &str) -> Result<Limit, Fault> {
    let Some(section) = of.section(name)? else { return Ok(Limit::default()) };
    section.ignore(&["DataTraceEnabled", "DetailedMetricsEnabled", "LoggingLevel"]);
    let rate = match section.text("ThrottlingRateLimit")? {
        None => None,
        Some(text) => match text.parse::<f64>() {
            Ok(rate) if rate >= 0.0 && rate.is_finite() => Some(rate),
            _ => {
                let message = format!("must be a number of requests a second, not `{text}`");
                return Err(section.fault("ThrottlingRateLimit", message));
            }
        },
    };
    let burst = section.number("ThrottlingBurstLimit", 0, i64::from(u32::MAX))?;
    if rate.is_some() != burst.is_some() {
        return Err(section.fault(
            "ThrottlingRateLimit",
            "and ThrottlingBurstLimit must be there together on this machine",
        ));
    }
    section.finish()?;
    Ok(Limit { rate, burst: burst.and_then(|burst| u32::try_from(burst).ok()) })
}

fn own_key(scope: &Scope<'_>, id: &str, route: &Resource) -> Result<String, Fault> {
    Properties::for_resource(scope, id, route)?.required("RouteKey")
}
