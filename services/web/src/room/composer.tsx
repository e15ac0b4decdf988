import { useEffect, useLayoutEffect, useRef, useState, type FormEvent, type KeyboardEvent } from "react";
import { SendIcon } from "../components/icons";
import { useI18n } from "../i18n";
import { hasMouse } from "../lib/media";
import { lengthOf, longestMessage } from "../lib/rules";
import { useSigned } from "../session/context";
import { keepDraft, readDraft } from "./kept";
import s from "./composer.module.css";

// So many characters before the longest message how many are left is told.
const warnAt = 200;

/** Where one writes. What is not sent yet stays here, over reloads too; what is sent goes to the outbox, online or not. */
export function Composer({ roomId }: { roomId: string }) {
  const { t, number } = useI18n();
  const { outbox, user } = useSigned();
  const [text, setText] = useState(() => readDraft(user.userId, roomId));
  const area = useRef<HTMLTextAreaElement>(null);
  const left = longestMessage - lengthOf(text.trim());
  const tooLong = left < 0;
  const empty = text.trim() === "";

  useEffect(() => keepDraft(user.userId, roomId, text), [user.userId, roomId, text]);

  // With a mouse and a keyboard one comes to a room to write; on a phone this would bring up the keyboard unasked.
  useEffect(() => {
    if (hasMouse()) area.current?.focus();
  }, []);

  // Grows with what is written, up to the height that its style allows.
  useLayoutEffect(() => {
    const element = area.current!;
    element.style.blockSize = "auto";
    element.style.blockSize = `${element.scrollHeight}px`;
  }, [text]);

  function submit() {
    area.current?.focus();
    if (empty || tooLong) return;
    outbox.add(roomId, text.trim());
    setText("");
  }

  function onKeyDown(event: KeyboardEvent<HTMLTextAreaElement>) {
    if (event.key !== "Enter" || event.shiftKey) return;
    // The Enter that ends the composing of a Korean syllable is not the one that sends. Safari reports it after the composition
    // has ended, and only its old key code (229) gives it away.
    if (event.nativeEvent.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    submit();
  }

  function onSubmit(event: FormEvent) {
    event.preventDefault();
    submit();
  }

  return (
    <form className={s.composer} onSubmit={onSubmit} data-testid="composer">
      <div className={s.box}>
        <textarea
          ref={area}
          rows={1}
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={onKeyDown}
          placeholder={t("chat.placeholder")}
          aria-label={t("chat.compose")}
          aria-describedby="composer-hint"
          aria-invalid={tooLong || undefined}
          enterKeyHint="send"
          data-testid="composer-input"
        />
        <button type="submit" className={s.send} disabled={empty || tooLong} aria-label={t("chat.send")} title={t("chat.send")} data-testid="composer-send">
          <SendIcon />
        </button>
      </div>
      <p id="composer-hint" className={s.hint}>
        {left <= warnAt ? (
          <span className={s.count} data-over={tooLong} data-testid="composer-count">
            {tooLong ? t("chat.tooLong", { n: number(-left) }) : t("chat.charsLeft", { n: number(left) })}
          </span>
        ) : (
          t("chat.hint")
        )}
      </p>
    </form>
  );
}
