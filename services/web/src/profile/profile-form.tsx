import { useEffect, useState, type FormEvent } from "react";
import { user as users } from "../api/calls";
import type { Profile } from "../api/types";
import { Avatar } from "../components/avatar";
import { Button } from "../components/button";
import { Field, Notice } from "../components/field";
import { ErrorState, Skeleton } from "../components/states";
import { languageOf, languages, useI18n } from "../i18n";
import { useForm } from "../lib/form";
import { rules } from "../lib/rules";
import { useSession, useSigned } from "../session/context";
import { profilesOf } from "../session/profiles";
import { Section } from "./section";
import s from "./profile-form.module.css";

/** What others see: loaded first, so that saving changes only what was changed here. */
export function ProfileForm() {
  const { t, explain } = useI18n();
  const { api } = useSigned();
  const [profile, setProfile] = useState<Profile>();
  const [problem, setProblem] = useState<unknown>();
  const [round, setRound] = useState(0);

  useEffect(() => {
    let left = false;
    setProblem(undefined);
    users.me(api).then(
      (found) => left || setProfile(found),
      (error: unknown) => left || setProblem(error),
    );
    return () => {
      left = true;
    };
  }, [api, round]);

  if (profile) return <Editor key={profile.userId} profile={profile} />;
  return (
    <Section title={t("profile.name")}>
      {problem === undefined ? (
        <Skeleton className={s.skeleton} />
      ) : (
        <ErrorState title={t("profile.failed")} text={explain(problem)} onRetry={() => setRound(round + 1)} />
      )}
    </Section>
  );
}

function Editor({ profile }: { profile: Profile }) {
  const { t, explain, setLanguage } = useI18n();
  const { api } = useSigned();
  const session = useSession();
  const [saved, setSaved] = useState(profile);
  const form = useForm(
    {
      name: profile.name,
      imageUrl: profile.imageUrl,
      statusMessage: profile.statusMessage,
      locale: profile.locale,
    },
    { name: rules.userName, imageUrl: rules.imageUrl },
  );
  const [state, setState] = useState<"idle" | "busy" | "saved">("idle");
  const [problem, setProblem] = useState<unknown>();
  const { name, imageUrl, statusMessage, locale } = form.values;

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const element = event.currentTarget;
    if (state === "busy" || !form.check(element)) return;
    setState("busy");
    setProblem(undefined);
    const wanted = { name: name.trim(), imageUrl: imageUrl.trim(), statusMessage: statusMessage.trim(), locale };
    const changed = Object.entries(wanted).filter(([field, value]) => saved[field as keyof typeof wanted] !== value);
    try {
      const answer = changed.length > 0 ? await users.change(api, Object.fromEntries(changed)) : saved;
      setSaved(answer);
      profilesOf(api).put(answer);
      if (answer.name !== saved.name) void session.renamed(answer.name);
      const spoken = languageOf(answer.locale);
      if (answer.locale !== saved.locale && spoken) setLanguage(spoken);
      setState("saved");
    } catch (error) {
      setState("idle");
      if (!form.refuse(element, error)) setProblem(error);
    }
  }

  return (
    <form className={s.form} onSubmit={(event) => void submit(event)} onChange={() => setState("idle")} noValidate data-testid="profile-form">
      <div className={s.picture}>
        <Avatar id={profile.userId} name={name || profile.userId} imageUrl={imageUrl} size="l" />
        <p>
          <strong>{name || profile.userId}</strong>
          <span>@{profile.userId}</span>
        </p>
      </div>
      <Field
        {...form.input("name")}
        label={t("profile.name")}
        error={form.errors.name && t(form.errors.name)}
        autoComplete="nickname"
        data-testid="profile-name"
      />
      <Field
        {...form.input("statusMessage")}
        label={t("profile.status")}
        placeholder={t("profile.status.hint")}
        autoComplete="off"
        data-testid="profile-status"
      />
      <Field
        {...form.input("imageUrl")}
        label={t("profile.image")}
        hint={t("profile.image.hint")}
        error={form.errors.imageUrl && t(form.errors.imageUrl)}
        type="url"
        autoComplete="off"
        data-testid="profile-image"
      />
      <label className={s.select}>
        {t("profile.locale")}
        <select {...form.input("locale")} data-testid="profile-locale">
          <option value="">{t("profile.locale.browser")}</option>
          {locale !== "" && !(locale in languages) && <option value={locale}>{locale}</option>}
          {Object.entries(languages).map(([code, label]) => (
            <option key={code} value={code}>
              {label}
            </option>
          ))}
        </select>
      </label>
      {problem !== undefined && <Notice kind="error">{explain(problem)}</Notice>}
      <div className={s.actions}>
        <Button look="primary" type="submit" busy={state === "busy"} data-testid="profile-save">
          {state === "busy" ? t("profile.saving") : t("profile.save")}
        </Button>
        <span role="status" className={s.saved} data-testid="profile-saved">
          {state === "saved" && t("profile.saved")}
        </span>
      </div>
    </form>
  );
}
