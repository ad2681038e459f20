package interop;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import com.google.gson.annotations.SerializedName;
import com.thoughtworks.xstream.annotations.XStreamAlias;
import com.thoughtworks.xstream.annotations.XStreamImplicit;
import java.lang.reflect.Field;
import java.util.Collection;

/** What WxJava has read, under the names that WeChat gives it. */
final class Fields {
  private Fields() {}

  /** The annotated fields of one of WxJava's beans that aren't null. */
  static JsonElement of(Object value) {
    if (value instanceof String || value instanceof Number || value instanceof Boolean) {
      return new JsonPrimitive(value.toString());
    }
    if (value instanceof Collection<?> items) {
      var array = new JsonArray();
      items.forEach(item -> array.add(of(item)));
      return array;
    }
    var object = new JsonObject();
    for (Class<?> type = value.getClass(); type != Object.class; type = type.getSuperclass()) {
      for (Field field : type.getDeclaredFields()) {
        String name = name(field);
        Object content = name == null ? null : get(field, value);
        if (content != null) {
          object.add(name, of(content));
        }
      }
    }
    return object;
  }

  /** WeChat's name, or null for what isn't WeChat's. */
  private static String name(Field field) {
    var element = field.getAnnotation(XStreamAlias.class);
    if (element != null) {
      return element.value();
    }
    var elements = field.getAnnotation(XStreamImplicit.class);
    if (elements != null) {
      return elements.itemFieldName();
    }
    var member = field.getAnnotation(SerializedName.class);
    return member == null ? null : member.value();
  }

  private static Object get(Field field, Object bean) {
    try {
      field.setAccessible(true);
      return field.get(bean);
    } catch (IllegalAccessException error) {
      throw new IllegalStateException(error);
    }
  }
}
