"""The settings that record.py tries with the real client."""

CASES = []
HOME = ".config/openstack/clouds.yaml"
SECURE = ".config/openstack/secure.yaml"
ALICE = {
    "username": "alice", "password": "pw", "project_name": "tenant-a",
    "user_domain_id": "default", "project_domain_id": "default",
}
VARIABLES = {"OS_AUTH_URL": "$CLOUD/v3", "OS_USERNAME": "alice", "OS_PASSWORD": "pw",
             "OS_PROJECT_NAME": "tenant-a"}
DOMAINS = {"OS_USER_DOMAIN_ID": "default", "OS_PROJECT_DOMAIN_ID": "default"}


def service(kind, *endpoints, name="esi-leap"):
    return {"id": kind, "type": kind, "name": name, "endpoints": [
        {"id": url, "interface": interface, "region": region, "region_id": region,
         "url": "$CLOUD" + url}
        for interface, region, url in endpoints]}


LEAP = service("lease", ("public", "RegionOne", "/leap"), ("internal", "RegionOne", "/leap-internal"),
               ("admin", "RegionOne", "/leap-admin"), ("public", "RegionTwo", "/leap-two"))
CATALOG = [service("identity", ("public", "RegionOne", "/v3"), name="keystone"), LEAP]


def case(name, files=None, env=None, cloud="c", catalog=None):
    CASES.append({"name": name, "files": files or {}, "environment": env or {}, "cloud": cloud}
                 | ({"catalog": catalog} if catalog else {}))


def cloud(extra="", name="c", auth_url="$CLOUD/v3", region="RegionOne", **over):
    auth = {"auth_url": auth_url, **ALICE, **over}
    lines = "".join(f"      {key}: {value}\n" for key, value in auth.items() if value is not None)
    region = f"    region_name: {region}\n" if region else ""
    return f"  {name}:\n    auth:\n{lines}{region}{extra}"


def yaml(*args, **over):
    return "clouds:\n" + cloud(*args, **over)


def home(title, *args, env=None, with_cloud="c", **over):
    case(title, {HOME: yaml(*args, **over)}, env, with_cloud)


# Where the address is.
home("plain")
home("auth_url without /v3", auth_url="$CLOUD")
home("auth_url with /v3/", auth_url="$CLOUD/v3/")
home("auth_url with /v2.0", auth_url="$CLOUD/v2.0")
home("auth_url below a path", auth_url="$CLOUD/identity")
home("auth_url with a placeholder", auth_url='"$CLOUD/{region_name}"')
home("auth_url beside auth", "    auth_url: $CLOUD/identity/v3\n")

# What variables change.
home("password in OS_PASSWORD", env={"OS_PASSWORD": "env"}, password=None)
home("OS_PASSWORD over the file", env={"OS_PASSWORD": "env"})
home("OS_PASSWORD empty", env={"OS_PASSWORD": ""})
home("OS_PASSWORD empty, none in the file", env={"OS_PASSWORD": ""}, password=None)
home("password nowhere", password=None)
home("password empty", password='""')
home("OS_PROJECT_NAME over the file", env={"OS_PROJECT_NAME": "other"})
home("OS_TENANT_NAME over the file", env={"OS_TENANT_NAME": "other"})
home("OS_PROJECT_NAME and OS_TENANT_NAME", env={"OS_PROJECT_NAME": "p", "OS_TENANT_NAME": "t"})
home("OS_PROJECT_NAME and project_id in the file", env={"OS_PROJECT_NAME": "other"},
     project_name=None, project_id="1234567890abcdef")
home("OS_PROJECT_ID and project_name in the file", env={"OS_PROJECT_ID": "abcdef"})
home("OS_TENANT_ID and project_id in the file", env={"OS_TENANT_ID": "abcdef"}, project_id="fedcba")
home("OS_USERNAME and OS_PASSWORD over the file", env={"OS_USERNAME": "eve", "OS_PASSWORD": "env"})
home("OS_USERNAME and user_id in the file", env={"OS_USERNAME": "eve"}, user_id="u1")
home("OS_USER_ID over the file", env={"OS_USER_ID": "u2"})
home("OS_AUTH_URL over the file", env={"OS_AUTH_URL": "$CLOUD/identity/v3"})
home("OS_USER_DOMAIN_NAME and user_domain_id in the file", env={"OS_USER_DOMAIN_NAME": "D"})
home("OS_USER_DOMAIN_ID over the file", env={"OS_USER_DOMAIN_ID": "d2"})
home("OS_PROJECT_DOMAIN_NAME over a name", env={"OS_PROJECT_DOMAIN_NAME": "D"},
     project_domain_id=None, project_domain_name="E")
home("OS_DOMAIN_ID over the file", env={"OS_DOMAIN_ID": "d3"})
home("OS_DOMAIN_ID without others", env={"OS_DOMAIN_ID": "d3"}, user_domain_id=None,
     project_domain_id=None)
home("OS_DOMAIN_NAME without others", env={"OS_DOMAIN_NAME": "D3"}, user_domain_id=None,
     project_domain_id=None)
home("OS_DEFAULT_DOMAIN without others", env={"OS_DEFAULT_DOMAIN": "d4"}, user_domain_id=None,
     project_domain_id=None)
home("OS_DEFAULT_DOMAIN_ID without others", env={"OS_DEFAULT_DOMAIN_ID": "d4"},
     user_domain_id=None, project_domain_id=None)
home("OS_TRUST_ID with a project", env={"OS_TRUST_ID": "t"})
home("OS_TRUST_ID without a project", env={"OS_TRUST_ID": "t"}, project_name=None)
home("OS_SYSTEM_SCOPE with a project", env={"OS_SYSTEM_SCOPE": "all"})
home("OS_SYSTEM_SCOPE without a project", env={"OS_SYSTEM_SCOPE": "all"}, project_name=None)
home("OS_AUTH_TYPE over the file", "    auth_type: v3password\n", env={"OS_AUTH_TYPE": "password"})
home("OS_TOKEN beside a password", env={"OS_TOKEN": "secret-token"})
home("OS_PROJECT_ID empty and OS_TENANT_ID", env={"OS_PROJECT_ID": "", "OS_TENANT_ID": "abc"})
home("auth_token", "    auth_type: token\n    auth_token: secret-token\n", username=None,
     password=None, user_domain_id=None)
home("OS_TENANT_ID empty", env={"OS_TENANT_ID": "", "OS_PROJECT_ID": ""})
home("OS_INTERFACE over the file", "    interface: admin\n", env={"OS_INTERFACE": "internal"})
home("OS_INTERFACE and endpoint_type", "    endpoint_type: admin\n", env={"OS_INTERFACE": "internal"})
home("OS_ENDPOINT_TYPE and a named cloud", env={"OS_ENDPOINT_TYPE": "internalURL"})
home("OS_LEASE_ENDPOINT_OVERRIDE and a named cloud",
     env={"OS_LEASE_ENDPOINT_OVERRIDE": "$CLOUD/leap-other"})
home("OS_REGION_NAME like the file", env={"OS_REGION_NAME": "RegionOne"})
home("OS_REGION_NAME unlike the file", env={"OS_REGION_NAME": "RegionTwo"})
home("OS_REGION_NAME and no region in the file", region=None, env={"OS_REGION_NAME": "RegionTwo"})
home("OS_REGION_NAME empty", env={"OS_REGION_NAME": ""})
home("OS_IDENTITY_API_VERSION 2", env={"OS_IDENTITY_API_VERSION": "2"})
home("OS_IDENTITY_API_VERSION 3", env={"OS_IDENTITY_API_VERSION": "3"})
home("identity_api_version 2 in the file", '    identity_api_version: "2"\n')
home("identity_api_version 3 in the file, no domains", "    identity_api_version: 3\n",
     user_domain_id=None, project_domain_id=None)
home("OS_IDENTITY_API_VERSION 3 and OS_DEFAULT_DOMAIN", user_domain_id=None, project_domain_id=None,
     env={"OS_IDENTITY_API_VERSION": "3", "OS_DEFAULT_DOMAIN": "d"})
home("version 3 and default_domain in the file",
     "    identity_api_version: 3\n    default_domain: d\n", user_domain_id=None, project_domain_id=None)
home("version 3 and default_domain_id", "    identity_api_version: 3\n", user_domain_id=None,
     project_domain_id=None, default_domain_id="d")
home("default_domain_id and user_domain_name", user_domain_id=None, project_domain_id=None,
     user_domain_name="U", default_domain_id="d")
home("OS_SERVICE_PROVIDER", env={"OS_SERVICE_PROVIDER": "sp"})
home("OS_INSECURE and a named cloud", env={"OS_INSECURE": "true"})
home("braces in OS_USERNAME", env={"OS_USERNAME": "a{b}"})
home("braces in OS_PASSWORD", env={"OS_PASSWORD": "a{b}"})
home("braces in the password", password='"a{b}"')

# Which cloud.
home("OS_CLOUD, none named", env={"OS_CLOUD": "c"}, with_cloud=None)
home("one cloud, none named", with_cloud=None)
home("cloud called openstack, none named", name="openstack", with_cloud=None)
home("OS_PASSWORD, none named", env={"OS_PASSWORD": "env"}, with_cloud=None)
home("OS_CACERT, none named", env={"OS_CACERT": "/nowhere"}, with_cloud=None)
home("OS_CLOUD empty, none named", env={"OS_CLOUD": ""}, with_cloud=None)
home("OS_REGION_NAME, none named", env={"OS_REGION_NAME": "RegionOne"}, with_cloud=None)
home("OS_LOG_X, none named", env={"OS_LOG_X": "1"}, with_cloud=None)
home("OS_CLIENT_CONFIG_PATH, none named", env={"OS_CLIENT_CONFIG_PATH": "$HOME"}, with_cloud=None)
home("all of OS_*, none named", env=VARIABLES | {"OS_USERNAME": "eve"}, with_cloud=None)
home("all of OS_*, one named", env=VARIABLES | {"OS_USERNAME": "eve"})
home("OS_CLOUD over OS_*", env=VARIABLES | {"OS_CLOUD": "c", "OS_USERNAME": "eve"}, with_cloud=None)
home("a cloud that is not there", with_cloud="d")
home("cloud over OS_CLOUD", env={"OS_CLOUD": "d"})
home("envvars without variables", with_cloud="envvars")
home("envvars with variables", env=VARIABLES | {"OS_USERNAME": "eve"}, with_cloud="envvars")
home("OS_CLOUD_NAME", env=VARIABLES | {"OS_CLOUD_NAME": "mine"}, with_cloud="mine")
home("OS_CLOUD_NAME like one of the file", env=VARIABLES | {"OS_CLOUD_NAME": "c"})
home("a cloud called envvars", name="envvars", with_cloud="envvars")
two = yaml(name="openstack") + cloud(name="other", username="bob")
case("two clouds, one called openstack, none named", {HOME: two}, cloud=None)
case("two clouds, the other one", {HOME: two}, cloud="other")
case("nothing at all", cloud=None)
case("no clouds", {HOME: "cloud: {}\n"})
case("empty file, then another", {HOME: "", ".config/openstack/clouds.yml": yaml()})

# From variables alone.
case("OS_* variables", env=VARIABLES | DOMAINS, cloud=None)
for key, value in {"OS_INSECURE": "1", "OS_VERIFY": "false", "OS_INTERFACE": "internal",
                   "OS_CLOUD": "envvars", "OS_PROFILE": "rack", "OS_REGIONS": "x",
                   "OS_CLIENT_CONFIG_PATH": "/x", "OS_DOMAIN_NAME": "D"}.items():
    case(f"OS_* with {key}={value}", env=VARIABLES | DOMAINS | {key: value}, cloud=None)
case("OS_* with domains by name", cloud=None, env=VARIABLES | {
    "OS_USER_DOMAIN_NAME": "Default", "OS_PROJECT_DOMAIN_NAME": "Default"})
case("OS_* with OS_TENANT_NAME", cloud=None,
     env={k: v for k, v in VARIABLES.items() if k != "OS_PROJECT_NAME"}
     | DOMAINS | {"OS_TENANT_NAME": "tenant-b"})
case("OS_* without domains", env=VARIABLES, cloud=None)
case("OS_* with OS_DEFAULT_DOMAIN", env=VARIABLES | {"OS_DEFAULT_DOMAIN": "d"}, cloud=None)
case("OS_* with OS_REGION_NAME", env=VARIABLES | DOMAINS | {"OS_REGION_NAME": "RegionTwo"}, cloud=None)
case("OS_* with OS_ENDPOINT_TYPE", env=VARIABLES | DOMAINS | {"OS_ENDPOINT_TYPE": "internalURL"}, cloud=None)
case("OS_* with OS_LEASE_ENDPOINT_OVERRIDE", cloud=None,
     env=VARIABLES | DOMAINS | {"OS_LEASE_ENDPOINT_OVERRIDE": "$CLOUD/leap-other"})
case("OS_TOKEN", cloud=None, env={
    "OS_AUTH_URL": "$CLOUD/v3", "OS_AUTH_TYPE": "token", "OS_TOKEN": "secret-token",
    "OS_PROJECT_NAME": "tenant-a", "OS_PROJECT_DOMAIN_ID": "default"})
case("OS_TOKEN without OS_AUTH_TYPE", cloud=None, env={
    "OS_AUTH_URL": "$CLOUD/v3", "OS_TOKEN": "secret-token", "OS_PROJECT_ID": "p1"})
case("OS_* without project", cloud=None,
     env={k: v for k, v in VARIABLES.items() if k != "OS_PROJECT_NAME"})
CREDENTIAL = {"OS_AUTH_URL": "$CLOUD/v3", "OS_APPLICATION_CREDENTIAL_ID": "c1",
              "OS_APPLICATION_CREDENTIAL_SECRET": "s1"}
TYPE = {"OS_AUTH_TYPE": "v3applicationcredential"}
case("OS_APPLICATION_CREDENTIAL_*", env=CREDENTIAL | TYPE, cloud=None)
case("OS_APPLICATION_CREDENTIAL_* without type", env=CREDENTIAL, cloud=None)

# Domains and projects in the file.
none = {"user_domain_id": None, "project_domain_id": None}
home("no domains", **none)
home("default_domain within auth", default_domain="d", **none)
home("default_domain beside auth", "    default_domain: d\n", **none)
home("default_domain_id", default_domain_id="d", **none)
home("default_domain_name", default_domain_name="D", **none)
home("domain_id", domain_id="d", **none)
home("domain_name", domain_name="D", **none)
home("domain_id and user_domain_id", domain_id="d", user_domain_id="e", project_domain_id=None)
home("domain_id and user_domain_name", domain_id="d", user_domain_name="E", **none)
home("domains beside auth", "    user_domain_name: U\n    project_domain_name: P\n", **none)
home("project_id", project_name=None, project_domain_id=None, project_id="3333")
home("project_id and project_name", project_id="abc")
home("tenant_name", project_name=None, tenant_name="tenant-t")
home("tenant_id", project_name=None, tenant_id="abc")
home("tenant_name and project_name", tenant_name="tenant-t")
home("tenant_id beside and project_id within", "    tenant_id: abc\n", project_id="def")
home("project_name beside and within", "    project_name: beside\n")
home("project_name empty beside", '    project_name: ""\n')
home("project_name null", project_name="null")
home("project_name null beside", "    project_name: null\n")
home("user_name", username=None, user_name="bob")
home("user_name beside and username within", "    user_name: bob\n")
home("username beside and within", "    username: bob\n")
home("user_id", username=None, user_id="u1")
home("user_id and username", user_id="u1")
home("no user", username=None)
home("password beside", "    password: beside\n")
home("no project", project_name=None, project_domain_id=None)
home("domain scope", project_name=None, project_domain_id=None, domain_id="d")
home("unknown key within auth", projekt="x")
home("dashes", "    region-name: RegionOne\n", region=None, username=None, **{"user-name": "dash"})

# Ways to log in.
home("auth_type v3password", "    auth_type: v3password\n")
home("auth_type v3password without domains", "    auth_type: v3password\n", **none)
home("auth_type v3password, no /v3", "    auth_type: v3password\n", auth_url="$CLOUD")
home("auth_type null", "    auth_type: null\n")
home("auth_plugin", "    auth_plugin: v3token\n")
home("auth_type v2password", "    auth_type: v2password\n")
home("auth_type none", "    auth_type: none\n")
home("auth_type v3totp", "    auth_type: v3totp\n", passcode="123456")
token = {"username": None, "password": None, "user_domain_id": None}
home("auth_type v3token", "    auth_type: v3token\n", token="secret-token", **token)
home("auth_type token", "    auth_type: token\n", token="secret-token", **token)
home("auth_type token without project domain", "    auth_type: token\n", token="secret-token",
     project_domain_id=None, **token)
home("auth_type v3token without project domain", "    auth_type: v3token\n", token="secret-token",
     project_domain_id=None, **token)
home("auth_type token with user", "    auth_type: token\n", token="secret-token")
home("auth_type token, OS_TOKEN", "    auth_type: token\n", env={"OS_TOKEN": "env-token"}, **token)
home("auth_type token, none", "    auth_type: token\n", **token)
home("token beside a password", token="secret-token")
alone = {"username": None, "password": None, "project_name": None, **none}
CRED = "    auth_type: v3applicationcredential\n"
home("application credential", CRED, application_credential_id="c1",
     application_credential_secret="s1", **alone)
home("application credential without type", application_credential_id="c1",
     application_credential_secret="s1", **alone)
home("application credential with secret in the environment", CRED, application_credential_id="c1",
     env={"OS_APPLICATION_CREDENTIAL_SECRET": "env"}, **alone)
home("application credential with a project", CRED, application_credential_id="c1",
     application_credential_secret="s1", **{**alone, "project_name": "p", "project_domain_id": "d"})
home("application credential, OS_PROJECT_NAME", CRED, application_credential_id="c1",
     application_credential_secret="s1", env={"OS_PROJECT_NAME": "p"}, **alone)
home("application credential by name", CRED, application_credential_name="n",
     application_credential_secret="s1", **{**alone, "username": "alice", "user_domain_id": "d"})
home("application credential by name without domain", CRED, application_credential_name="n",
     application_credential_secret="s1", **{**alone, "username": "alice"})
home("application credential by name, user_id", CRED, application_credential_name="n",
     application_credential_secret="s1", user_id="u1", **alone)
home("application credential, no secret", CRED, application_credential_id="c1", **alone)
home("trust", project_name=None, project_domain_id=None, trust_id="t")
home("system scope", project_name=None, project_domain_id=None, system_scope="all")

# Endpoint.
for key in ["interface: internal", "interface: internalURL", "endpoint_type: publicURL",
            "endpoint_type: internalURL", "lease_interface: internal",
            "lease_endpoint_type: internalURL", "reservation_interface: internal",
            "interface: elsewhere", "interface: null", "interface: [internal, public]",
            "lease_region_name: RegionTwo", "reservation_region_name: RegionTwo",
            "lease_endpoint_override: $CLOUD/leap-other", "lease_endpoint_override: $CLOUD/leap-other/v1",
            "reservation_endpoint_override: $CLOUD/leap-other", "lease_endpoint: $CLOUD/leap-other",
            "lease_service_name: esi-leap", "lease_service_name: else", "lease_service_type: lease",
            "lease_service_type: reservation", "lease_api_version: '1'", "lease_api_version: '2'"]:
    home(key, f"    {key}\n")
home("endpoint_type and interface", "    endpoint_type: internal\n    interface: admin\n")
home("interface and endpoint_type", "    interface: admin\n    endpoint_type: internal\n")
home("lease_endpoint_type and lease_interface",
     "    lease_endpoint_type: internal\n    lease_interface: admin\n")
home("lease_interface and lease_endpoint_type",
     "    lease_interface: admin\n    lease_endpoint_type: internal\n")
both = [service("reservation", ("public", "RegionOne", "/blazar"), name="blazar"), LEAP]
case("a catalogue with Blazar first", {HOME: yaml()}, catalog=both)
case("a catalogue with Blazar last", {HOME: yaml()}, catalog=both[::-1])
case("a catalogue with Blazar alone", {HOME: yaml()}, catalog=both[:1])
case("an endpoint with its version", {HOME: yaml()},
     catalog=[service("lease", ("public", "RegionOne", "/leap/v1"))])
case("an endpoint with a slash", {HOME: yaml()},
     catalog=[service("lease", ("public", "RegionOne", "/leap/"))])
case("lease_service_type with Blazar", {HOME: yaml("    lease_service_type: lease\n")}, catalog=both)

# Regions.
home("region_name missing in the catalogue", region="RegionX")
home("no region", region=None)
home("region_name null", region="null")
home("region_name with a comma", region="RegionTwo,RegionOne")
home("region_name as a list", region="[RegionTwo, RegionOne]")
many = "    regions:\n    - name: RegionTwo\n      values:\n        auth:\n          project_name: two\n    - RegionOne\n"
home("regions", many, region=None)
home("regions, OS_REGION_NAME", many, region=None, env={"OS_REGION_NAME": "RegionOne"})
home("regions, OS_REGION_NAME of none", many, region=None, env={"OS_REGION_NAME": "RegionX"})
home("regions and region_name", many, region="RegionOne")
home("regions empty", "    regions: []\n", region=None)
home("regions with another key", "    regions:\n    - name: RegionTwo\n      value: {}\n", region=None)
home("regions, values win over the cloud", "    regions:\n    - name: RegionOne\n      values:\n        interface: internal\n    interface: admin\n", region=None)

# Files.
def secure(text): return f"clouds:\n  c:\n    auth:\n      password: {text}\n"
case("secure.yaml", {HOME: yaml(password=None), SECURE: secure("safe")})
case("secure.yaml over clouds.yaml", {HOME: yaml(), SECURE: secure("safe")})
case("secure.yaml with null", {HOME: yaml(), SECURE: secure("null")})
case("secure.yaml empty", {HOME: yaml(), SECURE: ""})
case("secure.yaml broken", {HOME: yaml(), SECURE: "clouds: ["})
case("secure.yaml with a cloud of its own", {HOME: yaml(), SECURE: yaml(name="s", username="eve")}, cloud="s")
case("secure.yaml elsewhere", {HOME: yaml(password=None), "x/s.yaml": secure("safe")},
     {"OS_CLIENT_SECURE_FILE": "$HOME/x/s.yaml"})
case("clouds.yaml in the current folder", {"work/clouds.yaml": yaml()})
case("the current folder before the home folder", {"work/clouds.yaml": yaml(username="here"), HOME: yaml()})
case("secure.yaml in the current folder", {"work/secure.yaml": secure("here"), HOME: yaml()})
case("OS_CLIENT_CONFIG_FILE", {"x/my.yaml": yaml(username="named"), HOME: yaml()},
     {"OS_CLIENT_CONFIG_FILE": "$HOME/x/my.yaml"})
case("OS_CLIENT_CONFIG_FILE that is not there", {HOME: yaml()},
     {"OS_CLIENT_CONFIG_FILE": "$HOME/x/my.yaml"})
case("OS_CLIENT_CONFIG_FILE empty", {HOME: yaml()}, {"OS_CLIENT_CONFIG_FILE": ""})
case("OS_CLIENT_CONFIG_PATH", {"x/clouds.yaml": yaml()}, {"OS_CLIENT_CONFIG_PATH": "$HOME/x"})
case("XDG_CONFIG_HOME", {"x/openstack/clouds.yaml": yaml(username="xdg"), HOME: yaml()},
     {"XDG_CONFIG_HOME": "$HOME/x"})
case("XDG_CONFIG_HOME without a file", {HOME: yaml()}, {"XDG_CONFIG_HOME": "$HOME/x"})
case("XDG_CONFIG_DIRS", {"x/openstack/clouds.yaml": yaml()}, {"XDG_CONFIG_DIRS": "$HOME/x"})
case("XDG_CONFIG_DIRS with two folders", {"x/openstack/clouds.yaml": yaml()},
     {"XDG_CONFIG_DIRS": "$HOME/x:$HOME/y"})
case("clouds.yml", {".config/openstack/clouds.yml": yaml()})
case("clouds.json", {".config/openstack/clouds.json":
     '{"clouds": {"c": {"region_name": "RegionOne", "auth": {"auth_url": "$CLOUD/v3", "username": "alice", "password": 123, "project_name": "p"}}}}'})
case("clouds.json with 1e3", {".config/openstack/clouds.json":
     '{"clouds": {"c": {"auth": {"auth_url": "$CLOUD/v3", "username": "alice", "password": 1e3, "project_name": "p"}}}}'})
case("clouds.json that is YAML", {".config/openstack/clouds.json": yaml()})
case("clouds.yaml before clouds.yml", {HOME: yaml(), ".config/openstack/clouds.yml": yaml(username="yml")})
case("broken, then another", {HOME: "clouds: [", ".config/openstack/clouds.yml": yaml()})
PUBLIC = ".config/openstack/clouds-public.yaml"
rack = "public-clouds:\n  rack:\n    auth:\n      auth_url: $CLOUD/rack/v3\n      project_name: rack-project\n    interface: internal\n    region_name: RegionOne\n"
case("profile", {HOME: yaml("    profile: rack\n", auth_url=None, region=None), PUBLIC: rack})
case("profile by its old name", {HOME: yaml("    cloud: rack\n", auth_url=None, region=None), PUBLIC: rack})
case("profile that is not there", {HOME: yaml("    profile: rack-that-is-not\n")})
case("profile of the program", {HOME: yaml("    profile: vexxhost\n", auth_url=None, region=None)})
case("profile and OS_REGION_NAME", {HOME: yaml("    profile: rack\n", auth_url=None, region=None), PUBLIC: rack},
     {"OS_REGION_NAME": "RegionTwo"})
case("auth null", {HOME: "clouds:\n  c:\n    auth:\n    region_name: RegionOne\n"}, VARIABLES)
case("no auth", {HOME: "clouds:\n  c:\n    region_name: RegionOne\n"}, VARIABLES)
case("cloud null", {HOME: "clouds:\n  c:\n"}, VARIABLES)

# YAML.
for value in ["0123", "123", "1e3", "1.0", "1_000", "0x10", "0o17", "1:30", "1.5e+3", "yes", "on",
              "true", "y", "null", "~", "2026-11-26", ".5", "1.", ".inf", "'0123'", '"yes"', "+1",
              "!!str 0123", "=", "-0", "0b11"]:
    home(f"password {value}", password=value)
for value in ["0123", "123", "yes", "12e45", "1.10", "2026-11-26"]:
    home(f"project_name {value}", project_name=value)
home("username 123", username="123")
home("region_name 1", region="1")
plain = yaml()
case("tab after a value", {HOME: plain.replace("password: pw", "password: pw\t")})
case("tab, then another file", {HOME: plain.replace("password: pw", "password: pw\t"),
     ".config/openstack/clouds.yml": yaml(username="second")})
case("tab within quotation marks", {HOME: yaml(password='"p\tw"')})
case("tab before a comment", {HOME: plain.replace("password: pw", "password: pw\t# my")})
case("tab in a comment", {HOME: plain.replace("password: pw", "password: pw #\tmy")})
case("CRLF", {HOME: plain.replace("\n", "\r\n")})
case("BOM", {HOME: "\ufeff" + plain})
case("document start", {HOME: "---\n" + plain})
case("two documents", {HOME: plain + "---\na: b\n"})
case("cloud named like a number", {HOME: yaml(name="2024")}, cloud="2024")
case("the only cloud is named like a number", {HOME: yaml(name="2024")}, cloud=None)
case("a number as the name of another cloud", {HOME: yaml() + cloud(name="2024")})
case("cloud named like a truth", {HOME: yaml(name="yes")}, cloud="yes")
case("cloud named in quotation marks", {HOME: yaml(name='"2024"')}, cloud="2024")
case("the same key twice", {HOME: yaml() + "    region_name: RegionTwo\n"})
case("a password with #", {HOME: yaml(password="a#b")})
case("a password with : in it", {HOME: yaml(password="a:b")})
case("anchors and merge keys", {HOME: "base: &base\n  auth: &auth\n    auth_url: $CLOUD/v3\n    username: alice\n    password: pw\n    project_name: p\nclouds:\n  c:\n    <<: *base\n    region_name: RegionTwo\n"})
case("unknown tag", {HOME: yaml(password="!vault pw")})

# TLS; the address is one without it.
for key in ["verify: false", "verify: no", "insecure: true", "cacert: /nowhere.pem", "cert: /nowhere.pem"]:
    home(key, f"    {key}\n")
