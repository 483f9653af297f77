import { expect, test } from "vitest";
import { Http } from "../src/http.js";
import { Studio, type Wish } from "../src/page/maker/studio.js";
import { FakeServer, json, problem } from "./fakes.js";

const wish: Wish = {
  picture: { file: new Blob(["picture"]), side: 512 },
  name: "Ada",
  voice: "joe",
  consentBy: "",
  consent: "I agree.",
};

const KEEP = "POST /v1/avatars/draft-1/keep";
const MAKE = "POST /v1/avatars";
const DELETE = "DELETE /v1/avatars/ada";
const kept = { id: "ada", name: "Ada" };
const gone = () => new Response(null, { status: 204 });

function studio(server: FakeServer): Studio {
  return new Studio(new Http("http://server.test", () => undefined, server.fetch));
}

test("a draft is kept, and made once more when it is gone", async () => {
  const { signal } = new AbortController();
  const there = new FakeServer({ [KEEP]: () => json(kept, 201) });
  expect((await studio(there).keep("draft-1", wish, signal)).id).toBe("ada");
  expect(there.seen).toHaveLength(1);

  const late = new FakeServer({ [MAKE]: () => json({ avatar: kept }, 201) });
  expect((await studio(late).keep("draft-1", wish, signal)).id).toBe("ada");
  expect(late.requests(MAKE)).toHaveLength(1);

  const broken = new FakeServer({ [KEEP]: () => problem(409, "conflict") });
  await expect(studio(broken).keep("draft-1", wish, signal)).rejects.toMatchObject({ code: "conflict" });
  expect(broken.requests(MAKE)).toEqual([]);
});

test("what was kept while it was discarded is deleted again", async () => {
  for (const remade of [false, true]) {
    const asking = new AbortController();
    const discarded = (answer: unknown) => {
      asking.abort();
      return json(answer, 201);
    };
    const server = new FakeServer({
      ...(remade ? { [MAKE]: () => discarded({ avatar: kept }) } : { [KEEP]: () => discarded(kept) }),
      [DELETE]: gone,
    });
    await expect(studio(server).keep("draft-1", wish, asking.signal)).rejects.toMatchObject({ name: "AbortError" });
    expect(server.requests(DELETE)).toHaveLength(1);
  }
});

test("a draft that was discarded before it could be kept is not made again", async () => {
  const asking = new AbortController();
  const server = new FakeServer({
    [KEEP]: () => {
      asking.abort();
      return problem(404, "not_found");
    },
    [MAKE]: () => json({ avatar: kept }, 201),
  });
  await expect(studio(server).keep("draft-1", wish, asking.signal)).rejects.toMatchObject({ name: "AbortError" });
  expect(server.requests(MAKE)).toEqual([]);
});
