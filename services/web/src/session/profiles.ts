import { useEffect } from "react";
import { user as users } from "../api/calls";
import type { AuthorizedClient } from "../api/client";
import type { Profile } from "../api/types";
import { createStore, useStore, type Store } from "../lib/store";
import { useSigned } from "./context";

const freshFor = 5 * 60_000;
const atOnce = 3;

// What others are called and look like is asked for once in a while, and a few at a time: a room may have a thousand members.
class Profiles {
  readonly #api: AuthorizedClient;
  readonly #known = new Map<string, { store: Store<Profile | undefined>; askedAt: number }>();
  readonly #queue: string[] = [];
  #running = 0;

  constructor(api: AuthorizedClient) {
    this.#api = api;
  }

  of(userId: string): Store<Profile | undefined> {
    let entry = this.#known.get(userId);
    if (!entry) {
      entry = { store: createStore<Profile | undefined>(undefined), askedAt: 0 };
      this.#known.set(userId, entry);
    }
    return entry.store;
  }

  want(userId: string): void {
    this.of(userId);
    const entry = this.#known.get(userId)!;
    if (Date.now() - entry.askedAt < freshFor) return;
    entry.askedAt = Date.now();
    this.#queue.push(userId);
    void this.#work();
  }

  put(profile: Profile): void {
    this.of(profile.userId).set(profile);
  }

  async #work(): Promise<void> {
    if (this.#running >= atOnce) return;
    this.#running++;
    for (let userId = this.#queue.shift(); userId; userId = this.#queue.shift()) {
      try {
        this.put(await users.profile(this.#api, userId));
      } catch {
        // A conversation works without pictures; the next time this person is seen after a while, it is tried again.
      }
    }
    this.#running--;
  }
}

const perClient = new WeakMap<AuthorizedClient, Profiles>();

export function profilesOf(api: AuthorizedClient): Profiles {
  let profiles = perClient.get(api);
  if (!profiles) {
    profiles = new Profiles(api);
    perClient.set(api, profiles);
  }
  return profiles;
}

/** Somebody's profile, as soon as it is known. */
export function useProfile(userId: string): Profile | undefined {
  const { api } = useSigned();
  const profiles = profilesOf(api);
  useEffect(() => profiles.want(userId), [profiles, userId]);
  return useStore(profiles.of(userId));
}
