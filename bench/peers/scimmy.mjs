// scimmy-routers with Express 4 and a store in memory: node scimmy.mjs PORT TOKEN
// The store finds a userName, an externalId and a displayName by an index, as an integrator would write it.
import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [port, token] = process.argv.slice(2);
const installed = createRequire(process.cwd() + "/");
const load = async (name) => (await import(pathToFileURL(installed.resolve(name)))).default;
const express = await load("express");
const routers = await import(pathToFileURL(installed.resolve("scimmy-routers")));
const SCIMMYRouters = routers.default.default ?? routers.default;
const SCIMMY = routers.SCIMMY ?? (await load("scimmy"));

const now = () => new Date().toISOString();

function keep(Resource, unique) {
    const all = new Map();
    const index = Object.fromEntries([...new Set([unique, "externalId"])].map((name) => [name, new Map()]));

    Resource.ingress((resource, data) => {
        const held = resource.id ? all.get(resource.id) : undefined;
        if (resource.id && !held) throw new SCIMMY.Types.Error(404, null, "Not found");
        const other = index[unique].get(data[unique]);
        if (other && other !== resource.id) throw new SCIMMY.Types.Error(409, "uniqueness", `${unique} is taken`);
        const id = resource.id ?? randomUUID();
        const kept = { ...JSON.parse(JSON.stringify(data)), id };
        kept.meta = { created: held?.meta.created ?? now(), lastModified: now() };
        for (const name in index) {
            if (held?.[name] !== undefined) index[name].delete(held[name]);
            if (kept[name] !== undefined) index[name].set(kept[name], id);
        }
        all.set(id, kept);
        return kept;
    });
    Resource.egress((resource) => {
        if (resource.id) {
            if (!all.has(resource.id)) throw new SCIMMY.Types.Error(404, null, "Not found");
            return all.get(resource.id);
        }
        if (!resource.filter) return [...all.values()];
        const [only, ...more] = [...resource.filter];
        const [[name, test], ...rest] = Object.entries(only);
        if (!more.length && !rest.length && index[name] && test[0] === "eq") {
            const found = all.get(index[name].get(test[1]));
            return found ? [found] : [];
        }
        return resource.filter.match([...all.values()]);
    });
    Resource.degress((resource) => {
        const held = all.get(resource.id);
        if (!held) throw new SCIMMY.Types.Error(404, null, "Not found");
        for (const name in index) index[name].delete(held[name]);
        all.delete(resource.id);
    });
}

SCIMMY.Resources.declare(SCIMMY.Resources.User.extend(SCIMMY.Schemas.EnterpriseUser, false));
SCIMMY.Resources.declare(SCIMMY.Resources.Group);
keep(SCIMMY.Resources.User, "userName");
keep(SCIMMY.Resources.Group, "displayName");

const app = express();
app.use("/scim", express.json({ type: ["application/json", "application/scim+json"], limit: "64mb" }));
app.use("/scim", new SCIMMYRouters({
    type: "bearer",
    handler: (request) => {
        if (request.header("Authorization") !== `Bearer ${token}`) throw new Error("Who are you?");
        return "bench";
    },
}));
app.listen(Number(port), "127.0.0.1");
