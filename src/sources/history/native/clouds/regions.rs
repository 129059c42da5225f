//! A cloud's regions, and the one that is asked. Pure.

use crate::sources::history::native::problem::{CloudProblem, Origin};
use crate::sources::history::native::yaml::{self, Section, Setting};

/// The settings for one region: the chosen one, or the first that the cloud has. If it has any, no
/// other may be chosen.
pub(super) fn in_region(
    origin: &Origin,
    mut cloud: Section,
    chosen: Option<&str>,
) -> Result<Section, CloudProblem> {
    let old_form = cloud.remove("region_name");
    let regions = match (cloud.remove("regions"), old_form) {
        (Some(Setting::List(regions)), _) | (None, Some(Setting::List(regions))) => regions,
        (Some(_), _) => return Err(no_region(origin)),
        (None, None) => Vec::new(),
        (None, Some(Setting::Text(names))) => {
            let names = names.split(',').map(str::to_owned);
            names.map(Setting::Text).collect()
        }
        (None, Some(other)) => {
            return Err(CloudProblem::new(
                format!(
                    "expected text as `region_name` of {origin}, but found {}",
                    other.kind()
                ),
                "put it into quotation marks, or leave it out",
            ));
        }
    };
    if regions.is_empty() {
        if let Some(chosen) = chosen {
            cloud.insert("region_name".into(), Setting::Text(chosen.to_owned()));
        }
        return Ok(cloud);
    }
    let mut names = Vec::new();
    for region in regions {
        let (name, values) = match region {
            Setting::Text(name) => (name, Section::new()),
            Setting::Section(region) => of_region(region).ok_or_else(|| no_region(origin))?,
            _ => return Err(no_region(origin)),
        };
        if chosen.is_none_or(|chosen| chosen == name) {
            let mut values = super::plain(origin, values)?;
            values.retain(|_, value| !matches!(value, Setting::Unset));
            yaml::lay_over(&mut cloud, values);
            cloud.insert("region_name".into(), Setting::Text(name));
            return Ok(cloud);
        }
        names.push(name);
    }
    Err(CloudProblem::new(
        format!(
            "{origin} has no region `{}` (`OS_REGION_NAME`): it has `{}`",
            chosen.unwrap_or_default(),
            names.join("`, `")
        ),
        "change `OS_REGION_NAME`, or unset it",
    ))
}

/// The name and the values of a region that is a mapping of nothing else.
fn of_region(mut region: Section) -> Option<(String, Section)> {
    let Some(Setting::Text(name)) = region.remove("name") else {
        return None;
    };
    let values = match region.remove("values") {
        None => Section::new(),
        Some(Setting::Section(values)) => values,
        Some(_) => return None,
    };
    region.is_empty().then_some((name, values))
}

fn no_region(origin: &Origin) -> CloudProblem {
    CloudProblem::new(
        format!("expected names, or mappings with `name` and `values`, as `regions` of {origin}"),
        "correct `regions`",
    )
}
